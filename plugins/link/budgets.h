/* Bandwidth that downloads share by name. A transfer has a pace: the budgets that its bytes come out of. */
#ifndef LINK_BUDGETS_H
#define LINK_BUDGETS_H

#include "link.h"

#define BUDGETS_MAX 8       /* that one answer may name */
#define BUDGET_NAME_MAX 128 /* bytes of a name */

struct budget;

struct pace {
	struct conn *conn;
	struct budget **budgets;
	size_t n; /* 0: no limit, and nothing else here is used */
	uv_timer_t *timer;
	uint64_t granted; /* bytes that it may send, when it does not wait */
	bool waits;       /* for its turn; http_pump() is called then */
};

/* 0, -EINVAL where the answer names too many or a bad name (*ret_why then is a sentence), -ENOMEM. To be ended by
 * pace_leave, which may also be called after a failure. */
int pace_join(struct pace *p, struct conn *c, const Link__HttpResponse *m, const char **ret_why);
void pace_leave(struct pace *p);
/* How many of the `want` bytes that it has left may go now. 0: it waits. */
uint64_t pace_allows(struct pace *p, uint64_t want);
void pace_spent(struct pace *p, uint64_t bytes);

#endif
