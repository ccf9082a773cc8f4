/* Grants: see grant.h. Widening is how a doubt is kept: if a limit may or may not have been accepted, the most that
 * either allows is what must stay reserved. */
#include "grant.h"

static int64_t more(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t grant_at(const Energy__Grant *g, int64_t now_ms)
{
	if (!g)
		return 0;
	return now_ms < g->until_ms ? more(g->limit_ma, g->fallback_ma) : g->fallback_ma;
}

void grant_widen(Energy__Grant *into, const Energy__Grant *other)
{
	if (!other)
		return;
	into->limit_ma = more(into->limit_ma, other->limit_ma);
	if (other->limit_ma > other->fallback_ma)
		into->until_ms = more(into->until_ms, other->until_ms);
	into->fallback_ma = more(into->fallback_ma, other->fallback_ma);
}

int64_t grant_next(const Energy__Grant *g, int64_t now_ms)
{
	return g && g->until_ms > now_ms && g->limit_ma > g->fallback_ma ? g->until_ms : INT64_MAX;
}
