/* What the three parts of lib/ruioo.h share: the stream (ruioo.c), the fields of a frame (ruioo_fields.c), and writing
 * (ruioo_write.c). */
#ifndef GV_RUIOO_INTERNAL_H
#define GV_RUIOO_INTERNAL_H

#include <lib/ruioo.h>

enum ruioo_data {
	RUIOO_NOTHING,
	RUIOO_LIST, /* the slots */
	RUIOO_BANK, /* a subcommand where it has any, slot, bank */
};
struct ruioo_word {
	char name[3];
	enum gv_ruioo_from from;
	enum ruioo_data data;
	enum gv_ruioo_sub subs[3]; /* those it knows, ended by NONE */
};
/* By enum gv_ruioo_command, gv_ruioo_sub and gv_ruioo_state. */
extern const struct ruioo_word ruioo_words[GV_RUIOO_COMMANDS];
extern const char ruioo_subs[GV_RUIOO_SUBS][3];
extern const char ruioo_states[GV_RUIOO_STATES][3];

/* Where things are in a frame, as offsets from its {. */
struct ruioo_covered {
	size_t begin; /* behind the opening quote */
	size_t end;   /* of the fields, at the separator */
	size_t crc;   /* its four digits */
};
/* The CRC as the digits have it, swapped if need be. */
uint16_t ruioo_crc(struct gv_ruioo_check check, const char *frame, struct ruioo_covered at);

bool ruioo_imei_valid(const char *imei, size_t size);
bool ruioo_bank_valid(const char *bank, size_t size);
/* What the CRC covers, without frame and separator: "IMEI,CMD,data". *ret is what it says, and undefined for an error.
 */
enum gv_ruioo_error ruioo_fields(const struct gv_ruioo_rules *rules, const char *text, size_t size,
				 struct gv_ruioo_frame *ret);

#endif
