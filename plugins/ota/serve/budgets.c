/* Bandwidth: what downloads share, by names that link keeps the counts of. */
#include "../campaigns/campaigns.h"
#include "serve.h"

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static void add(struct gv_turn *t, Link__HttpResponse *r, const char *name, uint64_t bytes_per_s)
{
	Link__Budget *b;

	if (!bytes_per_s)
		return;
	b = gv_alloc(t, sizeof *b);
	link__budget__init(b);
	b->name = (char *)name;
	b->bytes_per_s = bytes_per_s;
	*GV_APPEND(t, r->budgets, r->n_budgets) = b;
}

Link__HttpResponse *serve_budgets(const struct ota *o, struct gv_turn *t, const Ota__ActiveRow *attempt)
{
	Link__HttpResponse *r = gv_alloc(t, sizeof *r);
	const Ota__Campaign *c = attempt ? campaign_get(t, attempt->campaign) : NULL;

	link__http_response__init(r);
	add(t, r, "ota", o->bytes_per_s);
	if (!attempt)
		return r;
	if (c)
		add(t, r, gv_str(t, "ota:campaign:%s", c->id), c->bytes_per_s);
	if (*attempt->site)
		add(t, r, gv_str(t, "ota:site:%s", attempt->site),
		    lesser(o->site_bytes_per_s, c ? c->site_bytes_per_s : 0));
	add(t, r, gv_str(t, "ota:device:%.100s", attempt->device),
	    lesser(o->device_bytes_per_s, c ? c->device_bytes_per_s : 0));
	return r;
}
