/* The ledger's methods. */
#ifndef BILLING_LEDGER_METHODS_H
#define BILLING_LEDGER_METHODS_H

#include <galvan/plugin.h>

gv_method_fn ledger_get_account, ledger_list_accounts, ledger_list_entries, ledger_post, ledger_verify;

#endif
