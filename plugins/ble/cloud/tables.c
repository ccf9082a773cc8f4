/* The tables of this role. */
#include "cloud.h"

#define TABLE(ID, NAME, KEY, VALUE) const struct gv_table ID = { .name = (NAME), .key = (KEY), .value = &(VALUE) }

TABLE(cloud_keys, "keys", "u", ble__keys_row__descriptor);
TABLE(cloud_piles, "piles", "s", ble__pile_row__descriptor);
TABLE(cloud_ids, "pile_ids", "s", ble__device_ref__descriptor);
TABLE(cloud_aliases, "pile_aliases", "s", ble__device_ref__descriptor);
TABLE(cloud_chains, "chains", "su", ble__chain_row__descriptor);
TABLE(cloud_records, "records", "suu", ble__record_row__descriptor);
TABLE(cloud_forks, "forks", "ss", ble__record_row__descriptor);
TABLE(cloud_grants, "grants", "ss", ble__grant_row__descriptor);
TABLE(cloud_open_grants, "open_grants", "ss", ble__grant_ref__descriptor);
TABLE(cloud_grant_orders, "grant_orders", "s", ble__grant_ref__descriptor);
TABLE(cloud_grant_tokens, "grant_tokens", "ss", ble__grant_ref__descriptor);
TABLE(cloud_sessions, "sessions", "ss", ble__session_row__descriptor);
TABLE(cloud_open_sessions, "open_sessions", "ss", ble__session_at__descriptor);
TABLE(cloud_session_times, "session_times", "sis", ble__session_at__descriptor);
TABLE(cloud_connectors, "connectors", "su", ble__connector_row__descriptor);
TABLE(cloud_cases, "cases", "u", ble__case_row__descriptor);
TABLE(cloud_open_cases, "open_cases", "sss", ble__case_ref__descriptor);
TABLE(cloud_stops, "stops", "su", ble__stop_row__descriptor);
TABLE(cloud_letters, "letters", "su", ble__letter_row__descriptor);
TABLE(cloud_letter_ids, "letter_ids", "ss", ble__letter_number__descriptor);
TABLE(cloud_letter_boxes, "letter_boxes", "su", ble__letter_number__descriptor);
TABLE(cloud_own_letters, "own_letters", "suu", ble__own_letter_row__descriptor);
