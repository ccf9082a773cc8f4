/* Lines of text on paper, by libharu. The fonts are those that every reader of PDF has, so no file is read; a character
 * that none of their encodings has is printed as '?'. The same lines make the same bytes. */
#include "paper.h"

#include <errno.h>
#include <hpdf.h>
#include <iconv.h>
#include <setjmp.h>
#include <string.h>

#define MARGIN_PT 56
#define FONT_PT 10
#define LEADING_PT 14
#define PAGE_HEIGHT_PT 842
#define LINES_A_PAGE ((PAGE_HEIGHT_PT - 2 * MARGIN_PT) / LEADING_PT)

/* In the order in which they are tried for a line. */
static const struct {
	const char *iconv, *hpdf;
} encodings[] = { { "CP1252", "CP1252" }, { "CP1250", "CP1250" }, { "CP1251", "CP1251" }, { "CP1253", "CP1253" } };

/* The line in an encoding; NULL: it has characters that the encoding has not. */
static char *encode(struct gv_turn *t, const char *line, const char *encoding)
{
	size_t in_left = strlen(line), out_left = in_left;
	char *in = (char *)line, *out = gv_alloc(t, in_left + 1), *at = out;
	iconv_t cd = iconv_open(encoding, "UTF-8");
	size_t r;

	if (cd == (iconv_t)-1)
		return NULL;
	r = iconv(cd, &in, &in_left, &at, &out_left);
	iconv_close(cd);
	return r == (size_t)-1 ? NULL : out;
}

static char *ascii(struct gv_turn *t, const char *line)
{
	char *out = gv_alloc(t, strlen(line) + 1), *at = out;

	for (; *line; line++) {
		if ((unsigned char)*line < 0x80)
			*at++ = *line;
		else if (((unsigned char)*line & 0xc0) != 0x80)
			*at++ = '?';
	}
	return out;
}

static void show(struct gv_turn *t, HPDF_Doc pdf, HPDF_Page page, const char *line, float y)
{
	const char *encoded = NULL, *encoding = "CP1252";

	for (size_t i = 0; i < sizeof encodings / sizeof *encodings && !encoded; i++) {
		encoded = encode(t, line, encodings[i].iconv);
		encoding = encoded ? encodings[i].hpdf : encoding;
	}
	HPDF_Page_SetFontAndSize(page, HPDF_GetFont(pdf, "Courier", encoding), FONT_PT);
	HPDF_Page_BeginText(page);
	HPDF_Page_TextOut(page, MARGIN_PT, y, encoded ? encoded : ascii(t, line));
	HPDF_Page_EndText(page);
}

static void on_error(HPDF_STATUS code, HPDF_STATUS detail, void *failed)
{
	*(bool *)failed = true;
}

static void draw(struct gv_turn *t, HPDF_Doc pdf, char *const *lines, size_t n)
{
	HPDF_Page page = NULL;

	for (size_t i = 0; i < n; i++) {
		if (i % LINES_A_PAGE == 0) {
			page = HPDF_AddPage(pdf);
			HPDF_Page_SetSize(page, HPDF_PAGE_SIZE_A4, HPDF_PAGE_PORTRAIT);
		}
		show(t, pdf, page, lines[i],
		     (float)(PAGE_HEIGHT_PT - MARGIN_PT - (float)(i % LINES_A_PAGE) * LEADING_PT));
	}
}

int paper_pdf(struct paper *p, ProtobufCBinaryData *ret)
{
	bool failed = false;
	HPDF_Doc pdf = HPDF_New(on_error, &failed);
	HPDF_UINT32 size;
	uint8_t *data;

	if (!pdf)
		return -ENOMEM;
	HPDF_SetCompressionMode(pdf, HPDF_COMP_ALL);
	draw(p->t, pdf, p->lines, p->n);
	HPDF_SaveToStream(pdf);
	size = HPDF_GetStreamSize(pdf);
	data = gv_alloc(p->t, size + 1);
	HPDF_ReadFromStream(pdf, data, &size);
	HPDF_Free(pdf);
	if (failed || !size)
		return -ENOMEM;
	ret->data = data;
	ret->len = size;
	return 0;
}
