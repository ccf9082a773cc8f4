/* One record is one line, whatever a peer puts into it. */
#include <criterion/criterion.h>

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static char *format(bool json, enum gv_level level, const char *message)
{
	struct gv_logger l = { .json = json, .level = GV_DEBUG, .node = "n1", .instance = "ocpp.0" };
	struct gv_buf out = { 0 };
	char *text;

	cr_assert_eq(gv_log_format(&l, level, 1736906994123, message, &out), 0);
	text = strdup(gv_buf_str(&out));
	gv_buf_fini(&out);
	return text;
}

static void expect(const char *message, const char *wanted)
{
	char *text = format(false, GV_INFO, message);

	cr_expect_str_eq(text, wanted);
	free(text);
}

Test(log, a_sentence_and_its_pairs)
{
	expect("session started device=ocpp:CP001 connector=1",
	       "time=2025-01-15T02:09:54.123Z level=info node=n1 instance=ocpp.0 msg=\"session started\" "
	       "device=ocpp:CP001 connector=1\n");
}

Test(log, quoted_values_and_signs_of_equality_in_the_sentence)
{
	expect("limit a=b is reached, says \"it\" error=\"no \\\"such\\\" thing\" n=2",
	       "time=2025-01-15T02:09:54.123Z level=info node=n1 instance=ocpp.0 msg=\"limit a=b is reached, says "
	       "\\\"it\\\"\" "
	       "error=\"no \\\\\\\"such\\\\\\\" thing\" n=2\n");
}

Test(log, only_pairs_or_none)
{
	expect("a=1 b=2", "time=2025-01-15T02:09:54.123Z level=info node=n1 instance=ocpp.0 msg=\"\" a=1 b=2\n");
	expect("", "time=2025-01-15T02:09:54.123Z level=info node=n1 instance=ocpp.0 msg=\"\"\n");
	expect("done.\n", "time=2025-01-15T02:09:54.123Z level=info node=n1 instance=ocpp.0 msg=\"done.\"\n");
}

Test(log, nobody_can_forge_a_line_or_reach_the_terminal)
{
	static const char *const evil[] = { "a\nlevel=error",
					    "x device=a\nb",
					    "\x1b[31mred",
					    "\x7f\r\t",
					    "csi \xc2\x9b"
					    "31m",
					    "d=\"a\nb\"" };

	for (size_t i = 0; i < sizeof evil / sizeof *evil; i++)
		for (int json = 0; json < 2; json++) {
			char *text = format(json, GV_WARN, evil[i]);
			size_t size = strlen(text);
			cr_expect_eq(text[size - 1], '\n');
			for (size_t k = 0; k + 1 < size; k++)
				cr_expect((unsigned char)text[k] >= 0x20 && text[k] != 0x7f, "%s", text);
			cr_expect_null(strstr(text, "\xc2\x9b"));
			free(text);
		}
}

Test(log, json_is_json_and_carries_the_pairs_as_fields)
{
	char *text = format(true, GV_ERR, "bad \"frame\" \xff of device=ocpp:A\\B n=5 what=\"two words\"");
	cJSON *j = cJSON_Parse(text);

	cr_assert_not_null(j, "%s", text);
	cr_expect_str_eq(cJSON_GetObjectItem(j, "level")->valuestring, "error");
	cr_expect_str_eq(cJSON_GetObjectItem(j, "time")->valuestring, "2025-01-15T02:09:54.123Z");
	cr_expect_str_eq(cJSON_GetObjectItem(j, "instance")->valuestring, "ocpp.0");
	cr_expect_str_eq(cJSON_GetObjectItem(j, "msg")->valuestring, "bad \"frame\" ? of");
	cr_expect_str_eq(cJSON_GetObjectItem(j, "device")->valuestring, "ocpp:A\\B");
	cr_expect_str_eq(cJSON_GetObjectItem(j, "n")->valuestring, "5");
	cr_expect_str_eq(cJSON_GetObjectItem(j, "what")->valuestring, "two words");
	cJSON_Delete(j);
	free(text);
}

Test(log, a_message_without_end_is_cut)
{
	char message[GV_LOG_LINE_MAX * 2];
	char *text;

	memset(message, 'x', sizeof message - 1);
	message[sizeof message - 1] = '\0';
	text = format(false, GV_INFO, message);
	cr_expect_lt(strlen(text), GV_LOG_LINE_MAX + 200);
	cr_expect_not_null(strstr(text, " cut=true\n"));
	free(text);
}

Test(log, a_reader_that_stands_still_stops_nobody_and_hears_of_it_later)
{
	struct gv_logger l = { .level = GV_INFO, .node = "n1", .instance = "x.0" };
	static char text[1 << 20];
	size_t size = 0;
	ssize_t n;
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	l.fd = fds[1];
	for (int i = 0; i < 5000; i++)
		gv_log_printf(&l, GV_INFO, "line n=%d", i);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (read(fds[0], text, sizeof text) > 0)
		continue;
	gv_log_printf(&l, GV_INFO, "after");
	while ((n = read(fds[0], text + size, sizeof text - 1 - size)) > 0)
		size += (size_t)n;
	text[size] = '\0';
	cr_expect_not_null(strstr(text, "records were dropped: nobody read the log\" dropped="));
	cr_expect_not_null(strstr(text, "msg=\"after\""));
	close(fds[0]);
	close(fds[1]);
}

Test(log, levels)
{
	enum gv_level level = GV_INFO;

	cr_expect_eq(gv_log_level_parse("warning", &level), 0);
	cr_expect_eq(level, GV_WARN);
	cr_expect_lt(gv_log_level_parse("loud", &level), 0);
	cr_expect_eq(level, GV_WARN, "untouched");
	cr_expect_str_eq(gv_log_level_name(GV_DEBUG), "debug");
}
