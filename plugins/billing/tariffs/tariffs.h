/* Tariffs: kept, assigned to places and groups, and what a use costs by one of them. */
#ifndef BILLING_TARIFFS_H
#define BILLING_TARIFFS_H

#include <plugins/billing/billing.h>
#include <plugins/billing/pricing/tariff.h>

#define TARIFFS_GROUPS_MAX 32

extern const struct gv_table tariffs_table, tariffs_assignments;

const Billing__Tariff *tariffs_get(struct gv_turn *t, const char *id);
/* The tariff for a use of the connector that begins at `at_ms`, in the turn's memory: NULL where none is assigned. The
 * most specific assignment counts: connector, device, site, everywhere; and there, the first of the groups that has
 * one, then none. One whose tariff is not valid at that time does not count. */
const Billing__Tariff *tariffs_for(struct gv_turn *t, const char *device, uint32_t connector, const char *site,
				   const char *const *groups, size_t n_groups, int64_t at_ms);
/* The groups that a use counts for: the token's, then the customer's. Either may be NULL. The strings are theirs. */
size_t tariffs_groups(const Billing__Customer *customer, const Billing__Token *token,
		      const char *ret[static TARIFFS_GROUPS_MAX]);

/* What the use costs by the tariff, in the turn's memory. A rental costs from the use's start to its last segment's
 * end, without its stops; a package what is left of its price after the use. NULL: it cannot be priced, and
 * *ret_problem says why, for people. The message does not fail. */
const Billing__Price *tariffs_price(struct billing *b, struct gv_turn *t, const Billing__Tariff *tariff,
				    const Billing__PricedUse *use, const char **ret_problem);
/* The same of a packed PricedUse, in the zone that it was used in: for what is priced by the million. */
const Billing__Price *tariffs_price_again(struct billing *b, struct gv_turn *t, const Billing__Tariff *tariff,
					  const char *zone, ProtobufCBinaryData use, const char **ret_problem);
void tariffs_stop(struct billing *b);
/* Names its terms: the first bytes of the SHA-256 of the message as protobuf writes it, which is always the same. */
#define TARIFFS_HASH_SIZE 8
void tariffs_hash(struct gv_turn *t, const Billing__Tariff *tariff, uint8_t ret[static TARIFFS_HASH_SIZE]);
char *tariffs_hash_text(struct gv_turn *t, const Billing__Tariff *tariff); /* in hex, in the turn's memory */
/* "EUR"; "" of a tariff without terms. */
const char *tariffs_currency(struct gv_turn *t, const Billing__Tariff *tariff);
/* What a checkout holds by this tariff: a package's price, a rental's deposit or with `rental_buyout` the most that it
 * can cost, else the config's amount; of a card's purse at most `card_amount`. */
int64_t tariffs_hold(const struct billing *b, const Billing__Tariff *tariff, bool card);
/* Whether less than that is no hold: a deposit and a package are paid whole. */
bool tariffs_hold_is_whole(const Billing__Tariff *tariff);
/* Whether a rental's clock stands while its cabinet is in that way ("offline", "update", "full"). */
bool tariffs_clock_stops(const Billing__RentalTariff *terms, const char *why);
/* The first moment at which a rental's bank is sold if its clock does not stand again; INT64_MAX: it never is. */
int64_t tariffs_sale_ms(struct billing *b, struct gv_turn *t, const Billing__Tariff *tariff,
			const Billing__PricedUse *use);
/* The tariff in plain sentences for a driver, in the turn's memory. `language`: BCP 47; English where it is not known.
 */
char **tariffs_words(struct gv_turn *t, const Billing__Tariff *tariff, const char *language, size_t *ret_n);

gv_method_fn tariffs_put, tariffs_list, tariffs_assign, tariffs_quote;

#endif
