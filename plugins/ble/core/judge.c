/* One judgement over a record, whichever road it came by (2.7). The order matters: a stranger can send anything, so
 * nothing is held against a pile before its own signature was seen under it. */
#include "core_internal.h"

#include <string.h>

static const uint8_t no_record[32];

void ble_chain_move(struct ble_chain *chain, const struct ble_record *record, const uint8_t hash[32])
{
	chain->next = record->seq + 1;
	memcpy(chain->head, hash, sizeof(chain->head));
}

static int verify(const struct ble_crypto *c, const uint8_t pile_key[32], const uint8_t *sig, const uint8_t hash[32])
{
	uint8_t text[DOMAIN_SIZE + 32] = "CPB1-RSG";

	memcpy(text + DOMAIN_SIZE, hash, 32);
	return c->verify(c->user, pile_key, text, sizeof(text), sig) ? -BLE_BAD_SIG : 0;
}

static bool differ(const uint8_t *a, const uint8_t *b)
{
	return a && !ble_same(a, b, 32);
}

/* Where a record that its pile did sign stands in what is known of the chain. */
static int stands(const struct ble_chain *chain, const struct ble_neighbours *known, const struct ble_record *it,
		  const uint8_t hash[32])
{
	bool begun = !ble_same(chain->head, no_record, 32), first = ble_same(it->prev, no_record, 32);

	if (known->same || differ(known->before, it->prev) || differ(known->after, hash))
		return -BLE_FORK;
	if (!begun)
		return first ? 0 : -BLE_GAP;
	if (first || it->seq < chain->next) /* all of the contiguous part is known, so this is another history */
		return -BLE_FORK;
	if (it->seq > chain->next)
		return -BLE_GAP;
	return ble_same(it->prev, chain->head, 32) ? 0 : -BLE_FORK;
}

int ble_record_judge(const struct ble_crypto *c, const uint8_t pile_key[32], const struct ble_chain *chain,
		     const struct ble_neighbours *known, const uint8_t *data, size_t size, struct ble_record *ret,
		     uint8_t ret_hash[32])
{
	struct ble_record it;
	uint8_t hash[32];
	int r = ble_record_read(data, size, &it);

	if (r == 0 && (it.chain != chain->chain || !ble_same(it.pile, chain->pile, sizeof(it.pile))))
		r = -BLE_OTHER_PILE;
	if (r == 0)
		r = ble_record_hash(c, data, size, hash);
	if (r < 0)
		return r;
	if (known->same && ble_same(known->same, hash, sizeof(hash))) {
		r = -BLE_DUPLICATE; /* its signature was seen when it came first */
	} else {
		r = verify(c, pile_key, data + size - BLE_SIG_SIZE, hash);
		if (r < 0)
			return r;
		r = stands(chain, known, &it, hash);
	}
	*ret = it;
	memcpy(ret_hash, hash, sizeof(hash));
	return r;
}

int ble_meter_follows(const struct ble_record *earlier, const struct ble_record *later)
{
	uint64_t both = earlier->has & later->has;

	if (!(both & BLE_HAS(BLE_RECORD_METER_WH)))
		return 0;
	if ((both & BLE_HAS(BLE_RECORD_CONNECTOR)) && earlier->connector != later->connector)
		return 0;
	return later->meter_wh < earlier->meter_wh ? -BLE_METER : 0;
}

/* A meter's register is read a moment apart from the session's, so they may differ by one. */
int ble_session_adds_up(const struct ble_record *start, const struct ble_record *end)
{
	uint64_t delivered, said = end->session_wh;

	if (!(start->has & BLE_HAS(BLE_RECORD_METER_WH)) || !(end->has & BLE_HAS(BLE_RECORD_METER_WH)) ||
	    !(end->has & BLE_HAS(BLE_RECORD_SESSION_WH)) || end->meter_wh < start->meter_wh)
		return -BLE_METER;
	delivered = end->meter_wh - start->meter_wh;
	return (delivered > said ? delivered - said : said - delivered) <= 1 ? 0 : -BLE_METER;
}
