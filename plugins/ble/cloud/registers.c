/* What a pile's registers say from boot to boot, against what its sessions told: energy that no record speaks of went
 * to somebody all the same. A store that was put back to an older image shows by it, even where nobody ever carried
 * what it has lost. */
#include "cloud.h"

static void differs(struct gv_turn *t, const struct pile *p, const Ble__ChainRow *row, const struct ble_record *r)
{
	int64_t wh = (int64_t)(r->meter_wh - row->boot_wh);
	Ble__Case it = BLE__CASE__INIT;

	it.device = (char *)p->device;
	it.kind = (char *)"meter";
	it.chain = r->chain;
	it.seq = r->seq;
	it.text = gv_str(t,
			 "%lld Wh went through its registers between its boots of records %llu and %llu, and its "
			 "sessions tell of %llu Wh: its store lost records, or was put back",
			 (long long)wh, (unsigned long long)row->boot_seq, (unsigned long long)r->seq,
			 (unsigned long long)row->told_wh);
	case_open(t, &it, gv_str(t, "%u/%llu", r->chain, (unsigned long long)r->seq));
}

/* A session's meter is read a moment apart from the register, so each may differ by one (ble_session_adds_up). */
static bool beyond(const Ble__ChainRow *row, uint64_t meter_wh)
{
	uint64_t told_wh = row->boot_wh + row->told_wh;

	return (meter_wh > told_wh ? meter_wh - told_wh : told_wh - meter_wh) > row->told;
}

void register_passed(struct gv_turn *t, const struct pile *p, Ble__ChainRow *row, const struct ble_record *r)
{
	if (r->type == BLE_RECORD_END && (r->has & BLE_HAS(BLE_RECORD_SESSION_WH))) {
		row->told_wh += r->session_wh;
		row->told++;
	}
	if (r->type != BLE_RECORD_BOOT || !(r->has & BLE_HAS(BLE_RECORD_METER_WH)))
		return;
	if (row->boot_seq && beyond(row, r->meter_wh))
		differs(t, p, row, r);
	row->boot_seq = r->seq;
	row->boot_wh = r->meter_wh;
	row->told_wh = row->told = 0;
}
