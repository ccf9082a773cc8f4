/* Which message is in hand, written where the death of the process cannot take it: a page of a file, mapped. A store to
 * it costs nothing; the next incarnation reads who was in hand when the last one died, and parks what kills twice. */
#include "actor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC 0x67762d68616e6432ull
#define CRASHES_TO_PARK 2
#define SUSPECTS (sizeof((struct hand *)0)->suspects / sizeof *((struct hand *)0)->suspects)

static int map_file(struct gv_actor *a)
{
	char path[4096];
	if (snprintf(path, sizeof path, "%s/hand", a->options.store) >= (int)sizeof path)
		return -ENAMETOOLONG;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = ftruncate(fd, sizeof *a->hand) < 0 ? -errno : 0;
	void *page = r == 0 ? mmap(NULL, sizeof *a->hand, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	close(fd);
	if (r == 0 && page == MAP_FAILED)
		r = -errno;
	if (r == 0)
		a->hand = page;
	return r;
}

static void accuse(struct hand *h, uint64_t id)
{
	size_t free_slot = 0;
	for (size_t i = 0; i < SUSPECTS; i++) {
		if (h->suspects[i].id == id) {
			h->suspects[i].crashes++;
			return;
		}
		if (!h->suspects[i].id || h->suspects[i].crashes < h->suspects[free_slot].crashes)
			free_slot = i;
	}
	h->suspects[free_slot].id = id;
	h->suspects[free_slot].crashes = 1;
}

static void make_quotable(char text[GV_HAND_TEXT])
{
	text[GV_HAND_TEXT - 1] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == '"')
			*text = '?';
}

int gv_hand_open(struct gv_actor *a)
{
	int r = map_file(a);
	if (r < 0)
		return r;
	struct hand *h = a->hand;
	if (h->magic != MAGIC)
		*h = (struct hand){ .magic = MAGIC };
	if (a->options.crashed && h->in_hand) {
		make_quotable(h->what);
		make_quotable(h->whose);
		gv_actor_log(a, GV_WARN,
			     "The process died with a message in hand; if it kills again, it is parked. what=\"%s\" "
			     "whose=\"%s\"",
			     h->what, h->whose);
		a->suspect = h->in_hand;
		accuse(h, h->in_hand);
		a->careful_until_ms = gv_now(a) + GV_CAREFUL_MS;
	}
	h->in_hand = 0;
	return 0;
}

void gv_hand_close(struct gv_actor *a)
{
	if (a->hand)
		munmap(a->hand, sizeof *a->hand);
	a->hand = NULL;
}

static void put_text(char *to, const char *text)
{
	if (!memccpy(to, text ? text : "", '\0', GV_HAND_TEXT))
		to[GV_HAND_TEXT - 1] = '\0';
}

bool gv_hand_take(struct gv_actor *a, uint64_t id, const char *what, const char *whose)
{
	if (!a->hand)
		return false;
	if (a->suspect) {
		for (size_t i = 0; i < SUSPECTS; i++)
			if (a->hand->suspects[i].id == id && a->hand->suspects[i].crashes >= CRASHES_TO_PARK)
				return true;
	}
	put_text(a->hand->what, what);
	put_text(a->hand->whose, whose);
	a->hand->in_hand = id;
	return false;
}

/* Handled or parked without a death: it is no suspect any more. */
void gv_hand_drop(struct gv_actor *a, uint64_t id)
{
	if (!a->hand)
		return;
	a->hand->in_hand = 0;
	if (a->suspect != id)
		return;
	for (size_t i = 0; i < SUSPECTS; i++)
		if (a->hand->suspects[i].id == id)
			a->hand->suspects[i].id = a->hand->suspects[i].crashes = 0;
	a->suspect = 0;
	a->careful_until_ms = 0;
}
