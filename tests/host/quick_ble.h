/* Before each file of the plugin ble: its record gets a name of its own, its cryptography is the quick one. */
#ifndef TEST_HOST_QUICK_BLE_H
#define TEST_HOST_QUICK_BLE_H

#include <galvan/plugin.h>

extern const struct gv_plugin quick_ble;
#undef GV_PLUGIN
#define GV_PLUGIN const struct gv_plugin quick_ble
#define ble_openssl quick_crypto
#define ble_openssl_public quick_public

#endif
