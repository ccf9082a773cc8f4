/* Downloads as a load, for a server of files: `fast`, connections that fetch as quickly as they are served, one request
 * after the other, the whole file or pieces of it from all over; or `slow`, connections that fetch the whole at so many
 * bytes a second each. What comes without TLS is thrown away by the kernel (MSG_TRUNC), so that what is measured is the
 * server. Every answer must have the status and the length that were asked for.
 *
 *     bench-downloads fast PORT PATH SIZE plain|tls CONNECTIONS SECONDS PIECE     (PIECE 0: the whole)
 *     bench-downloads slow PORT PATH SIZE plain|tls CONNECTIONS SECONDS RATE
 *
 * Says "measuring" on stderr when all connections have their answer, then measures for so long, and prints JSON. */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 2048
#define READ_MAX (256 << 10)
#define SLOW_BUFFER (16 << 10) /* bytes of the receive buffer of a slow client */
#define SLICES 10              /* of a second, in each of which a part of the slow clients read */
#define EVENTS 64

struct client {
	int fd;
	SSL *ssl;
	char head[HEAD_MAX];
	size_t head_size;
	bool in_body, answered;
	uint64_t left; /* of the body */
};

static struct {
	bool slow;
	uint16_t port;
	const char *path;
	uint64_t size, piece, rate;
	unsigned count, seconds;
	SSL_CTX *tls;
	struct client *clients;
	uint64_t bytes, answers, lost, wrong;
	uint64_t seed;
} load = { .seed = 0x9e3779b97f4a7c15 };

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t random_below(uint64_t n) /* the same in each run */
{
	load.seed ^= load.seed << 13;
	load.seed ^= load.seed >> 7;
	load.seed ^= load.seed << 17;
	return load.seed % n;
}

/* ---- a request ------------------------------------------------------------------------------- */

static void ask(struct client *c)
{
	char text[512], range[64] = "";
	uint64_t first = load.piece ? random_below(load.size - load.piece + 1) : 0;
	int n;

	if (load.piece)
		snprintf(range, sizeof(range), "Range: bytes=%llu-%llu\r\n", (unsigned long long)first,
			 (unsigned long long)(first + load.piece - 1));
	n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", load.path, range);
	if (c->ssl ? SSL_write(c->ssl, text, n) != n : send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		load.lost++;
	c->head_size = 0;
	c->in_body = false;
}

static void connect_client(struct client *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(load.port) };
	int size = SLOW_BUFFER;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd >= 0 && load.slow)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror("connect");
		exit(1);
	}
	if (load.tls) {
		c->ssl = SSL_new(load.tls);
		SSL_set_fd(c->ssl, c->fd);
		if (SSL_connect(c->ssl) != 1) {
			fprintf(stderr, "no TLS\n");
			exit(1);
		}
	}
}

/* What is there, at most so much; `ret` NULL: thrown away. 0: nothing now; -1: the end. */
static ssize_t take(struct client *c, void *ret, size_t most)
{
	static char waste[READ_MAX];
	ssize_t n;

	if (most > READ_MAX)
		most = READ_MAX;
	if (c->ssl) {
		n = SSL_read(c->ssl, ret ? ret : waste, (int)most);
		if (n <= 0)
			n = SSL_get_error(c->ssl, (int)n) == SSL_ERROR_WANT_READ ? 0 : -1;
		return n;
	}
	n = recv(c->fd, ret ? ret : waste, most, MSG_DONTWAIT | (ret ? 0 : MSG_TRUNC));
	if (n < 0 && errno == EAGAIN)
		return 0;
	return n > 0 ? n : -1;
}

/* The head is whole: whether it is what was asked for. */
static void check_head(struct client *c, const char *end)
{
	uint64_t expected = load.piece ? load.piece : load.size, length = 0;
	const char *line;

	for (line = c->head; line < end; line = strstr(line, "\r\n") + 2) {
		if (strncasecmp(line, "content-length:", 15) == 0)
			length = strtoull(line + 15, NULL, 10);
	}
	if ((length != expected || strncmp(c->head + 9, load.piece ? "206" : "200", 3) != 0) && !load.wrong++)
		fprintf(stderr, "wrong: %.*s\n", (int)strcspn(c->head, "\r"), c->head);
	c->left = length;
	c->in_body = c->answered = true;
}

/* Reads the head; 1 when it is there, 0: more is to come, -1: the end. */
static int read_head(struct client *c)
{
	ssize_t n = take(c, c->head + c->head_size, HEAD_MAX - 1 - c->head_size);
	char *end;

	if (n <= 0)
		return (int)n;
	c->head_size += (size_t)n;
	c->head[c->head_size] = '\0';
	end = strstr(c->head, "\r\n\r\n");
	if (!end)
		return 0;
	check_head(c, end);
	c->left -= c->head_size - (size_t)(end + 4 - c->head);
	return 1;
}

/* Up to so many bytes of the body. False: it is lost. */
static bool go_on(struct client *c, uint64_t most)
{
	while (most) {
		ssize_t n;

		if (!c->in_body) {
			int r = read_head(c);

			if (r <= 0)
				return r == 0;
		}
		n = take(c, NULL, c->left < most ? c->left : most);
		if (n < 0)
			return false;
		if (n == 0)
			return true;
		load.bytes += (uint64_t)n;
		c->left -= (uint64_t)n;
		most -= (uint64_t)n;
		if (!c->left) {
			load.answers++;
			ask(c);
		}
	}
	return true;
}

static void check_lost(struct client *c, bool there)
{
	if (there || c->fd < 0)
		return;
	load.lost++;
	close(c->fd);
	c->fd = -1;
}

/* ---- the loads ------------------------------------------------------------------------------- */

static void run_fast(uint64_t end_ms)
{
	int poll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS];

	for (unsigned i = 0; i < load.count; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &load.clients[i] };

		epoll_ctl(poll, EPOLL_CTL_ADD, load.clients[i].fd, &e);
	}
	while (now_ms() < end_ms && load.lost < load.count) {
		int n = epoll_wait(poll, events, EVENTS, 100);

		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;

			check_lost(c, go_on(c, 1 << 20));
			if (c->ssl && c->fd >= 0)
				while (SSL_pending(c->ssl) && go_on(c, 1 << 20))
					;
		}
	}
	close(poll);
}

/* Each of them once a second, a part of them in each slice of it. */
static void run_slow(uint64_t end_ms)
{
	uint64_t due = now_ms();

	for (unsigned slice = 0; due < end_ms; slice = (slice + 1) % SLICES) {
		struct timespec at = { .tv_sec = (time_t)(due / 1000), .tv_nsec = (long)(due % 1000) * 1000000 };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		for (unsigned i = slice; i < load.count; i += SLICES) {
			struct client *c = &load.clients[i];

			if (c->fd >= 0)
				check_lost(c, go_on(c, load.rate));
		}
		due += 1000 / SLICES;
	}
}

static void run(unsigned seconds)
{
	uint64_t end = now_ms() + seconds * UINT64_C(1000);

	if (load.slow)
		run_slow(end);
	else
		run_fast(end);
}

static unsigned unanswered(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < load.count; i++)
		n += load.clients[i].fd >= 0 && !load.clients[i].answered;
	return n;
}

static void start(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	load.clients = calloc(load.count, sizeof(struct client));
	if (!load.clients)
		exit(1);
	for (unsigned i = 0; i < load.count; i++)
		connect_client(&load.clients[i]);
	for (unsigned i = 0; i < load.count; i++) {
		struct timeval none = { .tv_usec = 1 };

		ask(&load.clients[i]);
		if (load.tls) /* what SSL_read does not find at once */
			setsockopt(load.clients[i].fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	}
	while (unanswered())
		run(1);
}

int main(int argc, char **argv)
{
	struct rusage before, after;
	uint64_t begun, took;
	double cpu;

	if (argc != 9)
		return 2;
	load.slow = strcmp(argv[1], "slow") == 0;
	load.port = (uint16_t)atoi(argv[2]);
	load.path = argv[3];
	load.size = strtoull(argv[4], NULL, 10);
	if (strcmp(argv[5], "tls") == 0)
		load.tls = SSL_CTX_new(TLS_client_method());
	load.count = (unsigned)atoi(argv[6]);
	load.seconds = (unsigned)atoi(argv[7]);
	*(load.slow ? &load.rate : &load.piece) = strtoull(argv[8], NULL, 10);
	start();
	run(load.slow ? 3 : 1);
	fprintf(stderr, "measuring\n");
	load.bytes = load.answers = 0;
	getrusage(RUSAGE_SELF, &before);
	begun = now_ms();
	run(load.seconds);
	took = now_ms() - begun;
	getrusage(RUSAGE_SELF, &after);
	cpu = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec -
		       before.ru_stime.tv_sec) +
	      (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
		       before.ru_stime.tv_usec) /
		      1e6;
	fprintf(stderr, "finishing\n");
	printf("{\"bytes\": %llu, \"answers\": %llu, \"lost\": %llu, \"wrong\": %llu, \"seconds\": %.3f, \"cpuS\": "
	       "%.3f}\n",
	       (unsigned long long)load.bytes, (unsigned long long)load.answers, (unsigned long long)load.lost,
	       (unsigned long long)load.wrong, (double)took / 1000, cpu);
	return load.lost || load.wrong ? 1 : 0;
}
