/* One way to build the sentence that ends every failure a person can cause. */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int gv_text_error(char **ret_error, int code, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	if (!ret_error)
		return code;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	*ret_error = text;
	return code;
}

char *gv_text(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return text;
}

const char *gv_text_errno(int error)
{
	const char *text = strerrordesc_np(error < 0 ? -error : error);

	return text ? text : "unknown error";
}
