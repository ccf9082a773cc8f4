/* What a token is made of, in 2.0.1's words. Only that version is told; in none does it decide who may charge. */
#include <plugins/ocpp/ocpp.h>

#include <string.h>

bool token_type_known(const char *type)
{
	static const char *const types[] = { "Central", "eMAID", "ISO14443",   "ISO15693",
					     "KeyCode", "Local", "MacAddress", "NoAuthorization" };

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (!strcmp(types[i], type))
			return true;
	return false;
}

const char *token_type(struct ocpp *o, struct gv_turn *t, const char *token, const char *said, const char *or_else)
{
	struct listed_as known;

	if (said[0])
		return said;
	authorize_listing(o, t, model_fold(t, token), &known);
	if (!known.status[0])
		return or_else;
	return known.type[0] ? known.type : TOKEN_TYPE_CARD;
}
