/* One look at the server and all that follows, and the life of looks. */
#include "agent.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BACK_OFF_MAX_S 64

static cJSON *told(const struct agent *a)
{
	cJSON *it = cJSON_GetObjectItemCaseSensitive(a->state, "told");

	return it ? it : cJSON_AddObjectToObject(a->state, "told");
}

/* What is said again with each look, once for each assignment and detail. */
static void report_once(struct agent *a, const char *step, int result, const char *detail)
{
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(told(a), step);
	char said[TUF_ERROR_MAX + 32];

	snprintf(said, sizeof(said), "%lld %s", (long long)a->about.version, detail);
	if (cJSON_IsString(last) && strcmp(last->valuestring, said) == 0)
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(told(a), step);
	cJSON_AddStringToObject(told(a), step, said);
	agent_report(a, step, result, detail, 0);
	agent_save(a);
}

static int refused(struct agent *a, int result, const struct tuf_error *err)
{
	if (result == -TUF_FAILED) /* the server was not there, or not well */
		return -EAGAIN;
	report_once(a, "invalid-signature", result, err->text);
	return -EPERM;
}

struct looking {
	struct agent *a;
	struct agent_image image;
};

static void of_kind(void *arg, enum ota_kind kind, struct ota_device *device)
{
	struct looking *l = arg;

	l->image = agent_confirmed(l->a, kind);
	device->version = l->image.version;
	device->counter = l->image.counter;
	device->sha256 = l->image.sha256;
}

/* 1: there is an order; 0: there is none that was not acted on. */
static int get_order(struct agent *a, const struct tuf_document *targets, struct ota_order *ret, struct tuf_error *err)
{
	struct ota_device device = { .id = a->config.device,
				     .product = a->config.product,
				     .vendor = a->config.vendor,
				     .model = a->config.model,
				     .hardware = a->config.hardware };
	struct looking l = { .a = a };
	char path[OTA_DEVICE_MAX + 32];
	struct agent_body body;
	int status, r;

	snprintf(path, sizeof(path), "devices/%s/assignment.json", a->config.device);
	status = agent_get(a, path, TUF_ASSIGNMENT_MAX, &body, err);
	if (body.too_large)
		r = refused(a, -TUF_TOO_LARGE, err);
	else if (status == 404)
		r = 0;
	else if (status != 200)
		r = -EAGAIN;
	else
		r = ota_decide(targets, body.data ? body.data : "", body.size, a->now_s, agent_seen(a), &device,
			       of_kind, &l, ret, err);
	if (status > 0 && status != 200 && status != 404)
		snprintf(err->text, sizeof(err->text), "%s: the server answers %d", path, status);
	free(body.data);
	if (status == 200 && !body.too_large)
		r = r < 0 ? refused(a, r, err) : r == OTA_DONE ? 0 : 1;
	if (r >= 0) /* what was refused before is told again, should it come again */
		cJSON_DeleteItemFromObjectCaseSensitive(told(a), "invalid-signature");
	return r;
}

/* 0: nothing is left to do but to install. */
static int fetch(struct agent *a, const struct tuf_document *root, const struct ota_order *order, struct tuf_error *err)
{
	int r;

	agent_tidy(a, order->target.sha256);
	report_once(a, "downloading", 0, "");
	agent_send(a);
	r = agent_fetch(a, root, order, err);
	if (r == 0)
		report_once(a, "verified", 0, "");
	else if (r == -EBADMSG || r == -EFBIG)
		report_once(a, "verification-failed", r == -EFBIG ? -TUF_TOO_LARGE : -TUF_WRONG_HASH, err->text);
	else
		report_once(a, "download-failed", -TUF_FAILED, err->text);
	return r;
}

/* What is not to be tried again under this assignment. */
static int give_up(struct agent *a, const struct ota_order *order, const struct tuf_error *err)
{
	agent_report(a, "installation-failed", -TUF_NOT_FOR_US, err->text, 0);
	agent_set_seen(a, order->assignment.version);
	agent_save(a);
	return -EPERM;
}

static int follow(struct agent *a, const struct tuf_document *root, const struct ota_order *order,
		  struct tuf_error *err)
{
	const struct ota_assignment *it = &order->assignment;
	struct agent_image was = agent_confirmed(a, order->artifact.kind);
	int r;

	memcpy(a->about.id, it->id, sizeof(it->id));
	a->about.version = it->version;
	a->about.total = order->target.length;
	if (was.slot >= 0 && strcmp(was.sha256, order->target.sha256) == 0) {
		/* The same bytes, maybe released again; under a lower counter they change nothing. */
		if (order->artifact.counter > was.counter) {
			was.counter = order->artifact.counter;
			snprintf(was.version, sizeof(was.version), "%s", order->artifact.version);
			agent_set_confirmed(a, order->artifact.kind, &was);
		}
		agent_set_seen(a, it->version);
		agent_report(a, "installed", 0, "it was there already", order->target.length);
		return agent_save(a);
	}
	if (!*a->config.slots[order->artifact.kind][0]) {
		snprintf(err->text, sizeof(err->text), "this device has no slots for %s",
			 ota_kind_name(order->artifact.kind));
		return give_up(a, order, err);
	}
	if ((r = fetch(a, root, order, err)) < 0)
		return r;
	if (it->window_until_s && (a->now_s < it->window_from_s || a->now_s >= it->window_until_s)) {
		report_once(a, "install-scheduled", 0,
			    a->now_s < it->window_from_s ? "it waits for its window" : "its window is over");
		return 0;
	}
	agent_send(a);
	if (agent_install(a, order, err) < 0) {
		report_once(a, "installation-failed", -TUF_FAILED, err->text);
		return -EIO;
	}
	agent_send(a);
	return agent_try(a, err);
}

int agent_cycle(struct agent *a, struct tuf_error *err)
{
	struct tuf_client *c = NULL;
	struct ota_order order;
	enum ota_kind kind;
	struct agent_image trial;
	int r = 0;

	err->text[0] = '\0';
	a->now_s = (int64_t)time(NULL);
	a->about = (struct agent_about){ 0 };
	if (agent_trial(a, &kind, &trial))
		r = agent_try(a, err);
	else if (!a->child)
		r = agent_start(a, err);
	agent_send(a);
	if (r == -EINTR || r == -EIO || r == 1)
		return r;
	a->about = (struct agent_about){ 0 };
	r = agent_refresh(a, &c, err);
	if (r < 0) {
		r = refused(a, r, err);
	} else {
		r = get_order(a, tuf_client_trusted(c, TUF_TARGETS), &order, err);
		if (r == 1)
			r = follow(a, tuf_client_trusted(c, TUF_ROOT), &order, err);
	}
	tuf_client_destroy(c);
	agent_send(a);
	return r;
}

/* Until it is time, the agent shall end (true), or the process has died. */
static bool wait_for(struct agent *a, int seconds)
{
	struct pollfd p[2] = { { a->stop_fd, POLLIN, 0 }, { a->child > 0 ? pidfd_open(a->child, 0) : -1, POLLIN, 0 } };

	while (poll(p, 2, seconds * 1000) < 0 && errno == EINTR)
		;
	if (p[1].fd >= 0)
		close(p[1].fd);
	if (p[1].revents & POLLIN) {
		waitpid(a->child, NULL, 0);
		fprintf(stderr, "device=%s process=ended\n", a->config.device);
		a->child = 0;
	}
	return p[0].revents & POLLIN;
}

int agent_run(struct agent *a, struct tuf_error *err)
{
	int back_off_s = 1;

	for (;;) {
		int r = agent_cycle(a, err);

		if (r < 0 && r != -EINTR)
			fprintf(stderr, "device=%s cycle=failed why=\"%s\"\n", a->config.device, err->text);
		if (r == -EINTR || wait_for(a, a->config.poll_s))
			return 0;
		if (a->child) {
			back_off_s = 1;
			continue;
		}
		if (wait_for(a, back_off_s))
			return 0;
		back_off_s = back_off_s < BACK_OFF_MAX_S ? back_off_s * 2 : back_off_s;
	}
}
