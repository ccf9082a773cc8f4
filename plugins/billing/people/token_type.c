/* What tokens are made of, in OCPP 2.0.1's words (IdTokenEnumType): chargers of that version take a card's UID and the
 * same text typed in for two tokens. */
#include "people_rows.h"

#include <string.h>

bool people_type_known(const char *type)
{
	static const char *const types[] = { "",        "ISO14443",   "ISO15693", "eMAID",
					     "KeyCode", "MacAddress", "Local",    "Central" };

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (!strcmp(types[i], type))
			return true;
	return false;
}

const char *people_type(const Billing__Token *token)
{
	if (token->type[0])
		return token->type;
	return token->kind == BILLING__TOKEN_KIND__TOKEN_KIND_RFID ? "ISO14443" : "Central";
}
