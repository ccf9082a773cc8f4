/* Streams of frames: cut anywhere, with anything between, hostile ones too. What is found depends on the bytes, never
 * on how they were cut; what one frame lost costs no other. */
#include "ruioo_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(ruioo_stream, .init = rig_load, .fini = rig_unload);

static char *joined(const cJSON *stream)
{
	static char all[4096];
	const cJSON *chunk;

	all[0] = '\0';
	cJSON_ArrayForEach(chunk, cJSON_GetObjectItem(stream, "chunks"))
		strncat(all, chunk->valuestring, sizeof(all) - strlen(all) - 1);
	return all;
}

static const char *name_of(const struct rig_event *e)
{
	return e->error ? gv_ruioo_error_name(e->error) : gv_ruioo_command_name(e->frame.command);
}

static struct rig_stream whole(const char *data, size_t size)
{
	struct rig_stream s = { .rules = { .slots = 3 } };

	rig_feed(&s, data, size);
	rig_end(&s);
	return s;
}

Test(ruioo_stream, gives_its_frames_in_the_chunks_they_came_in)
{
	const cJSON *stream, *chunk, *item;

	cJSON_ArrayForEach(stream, cJSON_GetObjectItem(vectors, "streams"))
	{
		struct rig_stream s = { .rules = { .slots = 3 } };
		size_t i = 0;

		cJSON_ArrayForEach(chunk, cJSON_GetObjectItem(stream, "chunks"))
			rig_feed(&s, chunk->valuestring, strlen(chunk->valuestring));
		cJSON_ArrayForEach(item, cJSON_GetObjectItem(stream, "found"))
		{
			cr_assert_lt(i, s.n_events, "%s: %s", rig_text(stream, "name"), item->valuestring);
			cr_expect_str_eq(name_of(&s.events[i]), item->valuestring, "%s: %s", rig_text(stream, "name"),
					 name_of(&s.events[i]));
			i++;
		}
		cr_expect_eq(i, s.n_events, "%s: and no more", rig_text(stream, "name"));
		i = 0;
		cJSON_ArrayForEach(item, cJSON_GetObjectItem(stream, "iccid"))
			cr_expect_str_eq(s.iccids[i++], item->valuestring, "%s", rig_text(stream, "name"));
		cr_expect_eq(i, s.n_iccids, "%s", rig_text(stream, "name"));
		cr_expect_eq(s.junk, (size_t)cJSON_GetObjectItem(stream, "junk")->valueint, "%s: %zu of junk",
			     rig_text(stream, "name"), s.junk);
		cr_expect_eq(s.n_pending, 0, "%s: nothing waits", rig_text(stream, "name"));
		rig_end(&s);
	}
}

Test(ruioo_stream, gives_the_same_wherever_it_is_cut)
{
	const cJSON *stream;

	cJSON_ArrayForEach(stream, cJSON_GetObjectItem(vectors, "streams"))
	{
		const char *all = joined(stream);
		size_t size = strlen(all);
		struct rig_stream once = whole(all, size), bytes = { .rules = once.rules };

		for (size_t cut = 0; cut <= size; cut++) {
			struct rig_stream twice = { .rules = once.rules };

			rig_feed(&twice, all, cut);
			rig_feed(&twice, all + cut, size - cut);
			rig_end(&twice);
			cr_expect(rig_same(&once, &twice), "%s, cut at %zu", rig_text(stream, "name"), cut);
			rig_feed(&bytes, all + cut, cut < size);
		}
		rig_end(&bytes);
		cr_expect(rig_same(&once, &bytes), "%s, byte by byte", rig_text(stream, "name"));
	}
}

/* All that is bad, in one stream with good frames between, gives the same wherever it is cut. */
Test(ruioo_stream, bad_frames_are_bad_wherever_they_are_cut)
{
	static const char good[] = "{\"" IMEI ",CH,,0C49\"}\r\n";
	const cJSON *vector;

	cJSON_ArrayForEach(vector, cJSON_GetObjectItem(vectors, "reject"))
	{
		char all[1024];
		size_t size, whole_size;
		char *bad = rig_bytes(vector, &size);
		struct rig_stream once = { .rules = rig_rules(vector), .from = rig_from(vector) };
		bool silent = once.from == GV_RUIOO_SERVER; /* then the good ones are of the wrong end */

		whole_size = (size_t)snprintf(all, sizeof(all), "%s%.*s%s", good, (int)size, bad, good);
		rig_feed(&once, all, whole_size);
		rig_end(&once);
		cr_expect_eq(once.n_events, 3, "%s", rig_text(vector, "name"));
		cr_expect(silent || (!once.events[0].error && !once.events[2].error), "%s", rig_text(vector, "name"));
		for (size_t cut = 0; cut <= whole_size; cut++) {
			struct rig_stream twice = { .rules = once.rules, .from = once.from };

			rig_feed(&twice, all, cut);
			rig_feed(&twice, all + cut, whole_size - cut);
			rig_end(&twice);
			cr_expect(rig_same(&once, &twice), "%s, cut at %zu", rig_text(vector, "name"), cut);
		}
		free(bad);
	}
}

/* ---- the limit ------------------------------------------------------------------------------- */

/* A heartbeat of `size` bytes, most of them blanks behind its closing quote. */
static char *padded(size_t size)
{
	static const char head[] = "{\"" IMEI ",CH,,0C49\"";
	char *text = malloc(size + 1);

	cr_assert_not_null(text);
	memset(text, ' ', size);
	memcpy(text, head, sizeof(head) - 1);
	text[size - 1] = '}';
	text[size] = '\0';
	return text;
}

static enum gv_ruioo_error of_size(uint8_t slots, size_t size)
{
	struct gv_ruioo_rules rules = { .slots = slots };
	char *text = padded(size);
	struct rig_event e = rig_one(rules, GV_RUIOO_CABINET, text, size);

	free(text);
	return e.error;
}

Test(ruioo_stream, a_frame_has_a_limit_by_its_cabinet)
{
	cr_expect_eq(of_size(3, 512), GV_RUIOO_OK);
	cr_expect_eq(of_size(3, 513), GV_RUIOO_TOO_LONG);
	cr_expect_eq(of_size(4, 512), GV_RUIOO_OK, "a larger cabinet is not worse off");
	cr_expect_eq(of_size(14, 512), GV_RUIOO_OK);
	cr_expect_eq(of_size(14, 513), GV_RUIOO_TOO_LONG);
	cr_expect_eq(of_size(15, 544), GV_RUIOO_OK);
	cr_expect_eq(of_size(15, 545), GV_RUIOO_TOO_LONG);
	cr_expect_eq(of_size(GV_RUIOO_SLOTS_MAX, GV_RUIOO_FRAME_MAX), GV_RUIOO_OK);
	cr_expect_eq(of_size(GV_RUIOO_SLOTS_MAX, GV_RUIOO_FRAME_MAX + 1), GV_RUIOO_TOO_LONG);
}

Test(ruioo_stream, too_long_is_told_once_and_the_next_frame_is_found)
{
	static const char good[] = "{\"" IMEI ",CH,,0C49\"}\r\n";
	struct rig_stream s = { .rules = { .slots = 3 } };

	rig_feed(&s, "{\"", 2);
	for (int i = 0; i < 600; i++)
		rig_feed(&s, "x", 1);
	cr_expect_eq(s.n_pending, 0, "what is junk does not wait");
	rig_feed(&s, good, sizeof(good) - 1);
	cr_assert_eq(s.n_events, 2);
	cr_expect_eq(s.events[0].error, GV_RUIOO_TOO_LONG);
	cr_expect_eq(s.events[1].error, GV_RUIOO_OK);
	cr_expect_eq(s.junk, 601, "a quote and what follows");
	rig_end(&s);
}

Test(ruioo_stream, never_more_waits_than_a_frame)
{
	static const char *const openings[] = { "{", "{\"", "{ ", "{\"\"", "{\" ", "8", "89", "{\"\xe2\x80" };

	for (size_t i = 0; i < sizeof(openings) / sizeof(*openings); i++)
		for (const char *then = " 8\"x\xa1"; *then; then++) {
			struct rig_stream s = { .rules = { .slots = 3 } };

			rig_feed(&s, openings[i], strlen(openings[i]));
			for (int n = 0; n < 1200; n++) {
				rig_feed(&s, then, 1);
				cr_assert_lt(s.n_pending, 512, "%s%c", openings[i], *then);
			}
			rig_end(&s);
		}
}

/* ---- hostile streams ------------------------------------------------------------------------- */

/* Were each of the million bytes looked at again for each before it, this would not end. */
static void run_through(const char *pattern)
{
	enum {
		SIZE = 1 << 20,
	};
	struct gv_ruioo_rules rules = { .slots = GV_RUIOO_SLOTS_MAX, .learn = true };
	size_t n = strlen(pattern), at = 0, frames = 0, braces = 0;
	char *data = malloc(SIZE);
	struct gv_ruioo_frame frame;
	struct gv_ruioo_found found;

	cr_assert_not_null(data);
	for (size_t i = 0; i < SIZE; i++) {
		data[i] = pattern[i % n];
		braces += data[i] == '{';
	}
	do {
		gv_ruioo_next(&rules, GV_RUIOO_CABINET, data + at, SIZE - at, &frame, &found);
		at += found.used;
		frames += found.frame;
		cr_assert_leq(at, (size_t)SIZE);
	} while (found.used);
	cr_expect_leq(frames, braces, "%s", pattern);
	cr_expect_leq(SIZE - at, (size_t)GV_RUIOO_FRAME_MAX, "%s", pattern);
	free(data);
}

Test(ruioo_stream, a_hostile_stream_takes_time_by_its_length)
{
	static const char *const patterns[] = {
		"{",
		"{\"",
		"{ ",
		"{\"{",
		"{\"}",
		"\"",
		"\"}",
		"{\"\" ",
		"{\" \" ",
		"8",
		"89860042191632805141 ",
		"{8",
		"\xe2\x80",
		"{\xe2\x80\x9c",
		"{\"" IMEI ",CH,,",
		"{\"" IMEI ",AQ,1.EM;2.EM;",
		"{\"" IMEI ",CH,,0C49\"",
		"{\"" IMEI ",CH,,0C49\"}",
	};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		run_through(patterns[i]);
}
