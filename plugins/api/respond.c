/* HTTP answers, and Connect's codes as HTTP statuses. */
#include "api.h"

#include <lib/json.h>

#include <string.h>

/* https://connectrpc.com/docs/protocol, "Error Codes" */
unsigned api_status(unsigned code)
{
	static const unsigned short statuses[] = {
		[GV_OK] = 200,
		[GV_CANCELLED] = 499,
		[GV_UNKNOWN] = 500,
		[GV_INVALID_ARGUMENT] = 400,
		[GV_DEADLINE_EXCEEDED] = 504,
		[GV_NOT_FOUND] = 404,
		[GV_ALREADY_EXISTS] = 409,
		[GV_PERMISSION_DENIED] = 403,
		[GV_RESOURCE_EXHAUSTED] = 429,
		[GV_FAILED_PRECONDITION] = 400,
		[GV_ABORTED] = 409,
		[GV_OUT_OF_RANGE] = 400,
		[GV_UNIMPLEMENTED] = 501,
		[GV_INTERNAL] = 500,
		[GV_UNAVAILABLE] = 503,
		[GV_DATA_LOSS] = 500,
		[GV_UNAUTHENTICATED] = 401,
	};

	return code < sizeof(statuses) / sizeof(*statuses) ? statuses[code] : 500;
}

const char *api_header(const Link__HttpRequest *request, const char *name)
{
	for (size_t i = 0; i < request->n_headers; i++) {
		if (strcmp(request->headers[i]->name, name) == 0)
			return request->headers[i]->value;
	}
	return "";
}

#define PAGE_POLICY                                                                                                    \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "                \
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

static void respond(struct gv_turn *t, uint64_t conn, unsigned status, const char *content_type, const char *header,
		    const char *value, const void *data, size_t size)
{
	const bool page = strncmp(content_type, "text/html", 9) == 0;
	const char *const pairs[][2] = {
		{ "content-type", content_type },
		{ "cache-control", "no-store" },
		{ "x-content-type-options", "nosniff" },
		{ page ? "content-security-policy" : NULL, PAGE_POLICY },
		{ page ? "referrer-policy" : NULL, "no-referrer" },
		{ header, value },
	};
	Link__HttpHeader headers[sizeof(pairs) / sizeof(*pairs)], *list[sizeof(pairs) / sizeof(*pairs)];
	Link__HttpResponse response = LINK__HTTP_RESPONSE__INIT;

	response.status = status;
	response.headers = list;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		if (!pairs[i][0])
			continue;
		link__http_header__init(&headers[i]);
		headers[i].name = (char *)pairs[i][0];
		headers[i].value = (char *)pairs[i][1];
		list[response.n_headers++] = &headers[i];
	}
	response.body.data = (uint8_t *)data;
	response.body.len = size;
	gv_respond(t, conn, &response);
	gv_count(t, status < 400 ? "answers" : status < 500 ? "refusals" : "failures", 1);
}

void api_respond(struct gv_turn *t, uint64_t conn, unsigned status, const char *content_type, const void *data,
		 size_t size)
{
	respond(t, conn, status, content_type, NULL, NULL, data, size);
}

static void refuse(struct gv_turn *t, uint64_t conn, unsigned status, const char *header, const char *value,
		   unsigned code, const char *fmt, va_list ap)
{
	struct gv_buf message = { 0 }, body = { 0 };

	gv_buf_vprintf(&message, fmt, ap);
	gv_buf_printf(&body, "{\"code\":\"%s\",\"message\":", gv_code_name(code));
	gv_json_string(&body, gv_buf_str(&message), strlen(gv_buf_str(&message)));
	gv_buf_puts(&body, "}\n");
	respond(t, conn, status, "application/json", header, value, gv_buf_str(&body), strlen(gv_buf_str(&body)));
	gv_buf_fini(&body);
	gv_buf_fini(&message);
}

void api_refuse(struct gv_turn *t, uint64_t conn, unsigned code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refuse(t, conn, api_status(code), NULL, NULL, code, fmt, ap);
	va_end(ap);
}

void api_refuse_as(struct gv_turn *t, uint64_t conn, unsigned status, const char *header, const char *value,
		   unsigned code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refuse(t, conn, status, header, value, code, fmt, ap);
	va_end(ap);
}
