/* What may be shown of a message: never a password, a key, or what a URL carries of them. */
#ifndef OCPP_MASK_H
#define OCPP_MASK_H

#include <galvan/plugin.h>

struct cJSON;
struct spec_action;

#define MASKED "***" /* instead of a secret */

/* Does a key or variable of this name hold a secret? */
bool mask_is_secret(const char *name);
/* May a payload of this action, or of its answer, hold a secret? NULL, which no version has: no. */
bool mask_needed(const struct spec_action *action);
/* May a text in which nothing can be masked, as nobody knows its form, hold a secret? Ends with a zero byte. */
bool mask_suspect(const char *text);
/* A copy as text, in the turn's memory, with MASKED for each secret. NULL payload: "{}". */
const char *mask(struct gv_turn *t, const struct cJSON *payload);
/* Likewise of an answer to a call that held a secret: without remarks either, as they may repeat it. */
const char *mask_answer(struct gv_turn *t, const struct cJSON *payload);
/* The text, or a copy in the turn's memory, without what the first URL in it carries of secrets. */
const char *mask_url(struct gv_turn *t, const char *text);
/* Was a secret left out of this text, which came from above? */
bool mask_is_masked(const char *text);

#endif
