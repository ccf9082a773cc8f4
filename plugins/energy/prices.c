/* Prices: see prices.h. */
#include "prices.h"

/* The part of hour i that lies before the departure and not in the past. */
static int64_t part(Energy__Price *const *prices, size_t n, size_t i, int64_t now_ms, int64_t departure_ms)
{
	int64_t start_ms = prices[i]->start_ms, end_ms;

	if (i + 1 < n)
		end_ms = prices[i + 1]->start_ms;
	else
		end_ms = start_ms + (i ? start_ms - prices[i - 1]->start_ms : 3600000);
	start_ms = start_ms < now_ms ? now_ms : start_ms;
	end_ms = end_ms < departure_ms ? end_ms : departure_ms;
	return end_ms > start_ms ? end_ms - start_ms : 0;
}

bool prices_wait(Energy__Price *const *prices, size_t n, int64_t now_ms, int64_t departure_ms, int64_t need_ms,
		 int64_t *ret_change_ms)
{
	int64_t cheaper_ms = 0, latest_ms = departure_ms - need_ms;
	size_t present = n;

	for (size_t i = 0; i < n; i++)
		if (prices[i]->start_ms <= now_ms && part(prices, n, i, now_ms, departure_ms))
			present = i;
	if (present == n || latest_ms <= now_ms)
		return false;
	for (size_t i = present + 1; i < n; i++)
		if (prices[i]->price < prices[present]->price)
			cheaper_ms += part(prices, n, i, now_ms, departure_ms);
	if (present + 1 < n && prices[present + 1]->start_ms < *ret_change_ms)
		*ret_change_ms = prices[present + 1]->start_ms;
	if (cheaper_ms < need_ms)
		return false;
	if (latest_ms < *ret_change_ms)
		*ret_change_ms = latest_ms;
	return true;
}
