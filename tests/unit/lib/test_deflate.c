/* Messages compressed and back, as RFC 7692 section 7.2 has it, with its own examples. */

#include <criterion/criterion.h>
#include <errno.h>
#include <lib/deflate.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static struct gv_deflate *d;

static void setup(void)
{
	cr_assert_eq(gv_deflate_create(&d), 0);
}

static void teardown(void)
{
	gv_deflate_destroy(d);
}

TestSuite(deflate, .init = setup, .fini = teardown);

#define MANY 70000
static const uint8_t *got;
static size_t got_size;

static int inflate_it(const void *data, size_t size, size_t max)
{
	return gv_inflate_message(d, data, size, max, &got, &got_size);
}

/* Text as stations send it: the same words again and again. */
static char *words(size_t size)
{
	char *text = malloc(size);

	for (size_t i = 0; i < size; i++)
		text[i] = "{\"measurand\":\"Energy.Active.Import.Register\",\"value\":\""[(i + i / 97) % 54];
	return text;
}

static void expect(const char *text)
{
	cr_expect_eq(got_size, strlen(text));
	cr_expect_arr_eq(got, text, got_size);
}

Test(deflate, the_examples_of_the_rfc)
{
	static const char stored[] = "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
			  last[] = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
			  two[] = "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";

	cr_assert_eq(inflate_it("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, MANY), 0, "7.2.3.1: a block with a fixed code");
	expect("Hello");
	cr_assert_eq(inflate_it(stored, sizeof(stored) - 1, MANY), 0, "7.2.3.3: a stored block");
	expect("Hello");
	cr_assert_eq(inflate_it(last, sizeof(last) - 1, MANY), 0, "7.2.3.4: a final block");
	expect("Hello");
	cr_assert_eq(inflate_it(two, sizeof(two) - 1, MANY), 0, "7.2.3.5: two blocks");
	expect("Hello");
	cr_assert_eq(inflate_it("\x00", 1, MANY), 0, "7.2.3.6: an empty message");
	expect("");
}

Test(deflate, a_window_does_not_go_on_to_the_next_message)
{
	cr_assert_eq(inflate_it("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, MANY), 0);
	cr_expect_eq(inflate_it("\xf2\x00\x11\x00\x00", 5, MANY), -EBADMSG,
		     "7.2.3.2: the second Hello, for who keeps his window");
	cr_assert_eq(inflate_it("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, MANY), 0, "and the codec is as good as before");
	expect("Hello");
}

Test(deflate, an_empty_payload_is_an_empty_message)
{
	cr_assert_eq(inflate_it("", 0, MANY), 0);
	expect("");
}

Test(deflate, what_is_compressed_comes_back_for_every_window)
{
	static const size_t sizes[] = { GV_DEFLATE_WORTH, 255, 256, 257, 1000, 33000, 65536 };

	for (unsigned bits = 8; bits <= 15; bits++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			char *text = words(sizes[i]);
			const uint8_t *small;
			size_t n = gv_deflate_message(d, bits, text, sizes[i], &small);
			uint8_t *copy;

			if (bits == 8 && sizes[i] > 256) {
				cr_expect_eq(n, 0, "zlib has no window of 2^8 bytes");
				free(text);
				continue;
			}
			cr_assert(n > 0 && n < sizes[i], "%zu bytes became %zu", sizes[i], n);
			copy = malloc(n);
			memcpy(copy, small, n);
			cr_assert_eq(inflate_it(copy, n, sizes[i]), 0);
			cr_assert_eq(got_size, sizes[i]);
			cr_assert_arr_eq(got, text, got_size);
			free(copy);
			free(text);
		}
	}
}

/* A client that keeps only so much of what came must be able to read it. */
Test(deflate, nothing_reaches_back_further_than_the_window)
{
	char *text = words(40000);
	uint8_t *out = malloc(40000);
	const uint8_t *small;
	size_t n = gv_deflate_message(d, 9, text, 40000, &small);
	z_stream s = { 0 };

	cr_assert(n > 0);
	inflateInit2(&s, -9);
	s.next_in = (uint8_t *)small;
	s.avail_in = (uInt)n;
	s.next_out = out;
	s.avail_out = 40000;
	cr_expect_eq(inflate(&s, Z_SYNC_FLUSH), Z_OK);
	cr_expect_eq(s.total_out, 40000);
	inflateEnd(&s);
	free(out);
	free(text);
}

Test(deflate, what_does_not_become_shorter_is_left_as_it_is)
{
	uint8_t noise[1000];
	const uint8_t *small;
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	cr_expect_eq(gv_deflate_message(d, 15, noise, sizeof(noise), &small), 0);
	cr_expect_eq(gv_deflate_message(d, 15, "[3,\"1\",{}]", 10, &small), 0, "nor is what is short already");
}

Test(deflate, a_message_may_have_as_many_bytes_as_are_allowed_and_no_more)
{
	char *text = words(50000);
	const uint8_t *small;
	size_t n = gv_deflate_message(d, 15, text, 50000, &small);
	uint8_t *copy = malloc(n);

	memcpy(copy, small, n);
	cr_expect_eq(inflate_it(copy, n, 50000), 0);
	cr_expect_eq(inflate_it(copy, n, 49999), -EMSGSIZE);
	cr_expect_eq(inflate_it(copy, n, 0), -EMSGSIZE);
	free(copy);
	free(text);
}

Test(deflate, what_is_no_message_is_refused)
{
	cr_expect_eq(inflate_it("\xff\xff\xff\xff", 4, MANY), -EBADMSG, "no such kind of block");
	cr_expect_eq(inflate_it("\xf2\x48\xcd", 3, MANY), -EBADMSG, "cut within a block");
	cr_expect_eq(inflate_it("\x00\x05\x00\xfa\xff\x48", 6, MANY), -EBADMSG, "cut within a stored block");
	cr_expect_eq(inflate_it("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", 11, MANY), -EBADMSG,
		     "with the tail that should have been left out");
}
