/* As much of a turn as reading needs: memory that goes when the test ends. */
#ifndef TEST_BILLING_TURN_H
#define TEST_BILLING_TURN_H

#include <galvan/plugin.h>

/* Frees what the turn has handed out. */
void turn_free(void);

#endif
