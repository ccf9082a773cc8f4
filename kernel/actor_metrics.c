/* An actor's counters as metrics. */
#include "actor_internal.h"

#include <stdio.h>
#include <string.h>

static void add(struct gv_actor *a, const char *name, const char *help, bool gauge, const char *labels, double value)
{
	Kernel__Metric *m = PUSH(a->metric_list);
	kernel__metric__init(m);
	m->name = (char *)name;
	m->help = (char *)help;
	m->gauge = gauge;
	m->labels = (char *)labels;
	m->value = value;
}

static void add_commits(struct gv_actor *a)
{
	static const char *const labels[] = { "le=\"0.0001\"", "le=\"0.0002\"", "le=\"0.0005\"", "le=\"0.001\"",
					      "le=\"0.002\"",  "le=\"0.005\"",  "le=\"0.01\"",   "le=\"0.02\"",
					      "le=\"0.05\"",   "le=\"0.1\"",    "le=\"0.5\"",    "le=\"+Inf\"" };
	double sum = 0;
	for (unsigned i = 0; i < 12; i++) {
		sum += a->count.commit_bucket[i];
		add(a, "galvan_commit_seconds_bucket", "Time of a store commit", false, labels[i], sum);
	}
	add(a, "galvan_commit_seconds_sum", "", false, "", a->count.commit_s);
	add(a, "galvan_commit_seconds_count", "", false, "", a->count.commits);
}

size_t gv_actor_metrics(struct gv_actor *a, const Kernel__Metric *const **ret)
{
	const struct counters *c = &a->count;
	a->metric_list.count = a->metric_pointers.count = 0;
	add(a, "galvan_turns_total", "Turns", false, "", c->turns);
	add(a, "galvan_messages_total", "Messages handled", false, "", c->messages);
	add(a, "galvan_failures_total", "Messages whose handler failed", false, "", c->failures);
	add(a, "galvan_parked_total", "Messages parked", false, "", c->parked);
	add(a, "galvan_parked", "Messages that are parked now", true, "", (double)a->n_parked);
	add(a, "galvan_inbox_messages", "Messages that wait", true, "", (double)a->inbox.count);
	add(a, "galvan_inbox_bytes", "Bytes that wait", true, "", (double)a->inbox.bytes);
	add(a, "galvan_packets_received_total", "Packets from the bus", false, "", c->packets_in);
	add(a, "galvan_packets_sent_total", "Packets to the bus", false, "", c->packets_out);
	add(a, "galvan_packets_dropped_total", "Packets dropped: outdated, malformed, or for a peer that is gone",
	    false, "", c->dropped_packets);
	add(a, "galvan_bytes_received_total", "Bytes from the bus", false, "", c->bytes_in);
	add(a, "galvan_bytes_sent_total", "Bytes to the bus", false, "", c->bytes_out);
	add(a, "galvan_events_emitted_total", "Events emitted", false, "", c->events_emitted);
	add(a, "galvan_events_heard_total", "Events handled", false, "", c->events_heard);
	add(a, "galvan_event_gaps_total", "Gaps in the order of events, filled from the journal", false, "", c->gaps);
	add(a, "galvan_snapshots_total", "Snapshots made for subscribers that lost their place", false, "", c->resyncs);
	add(a, "galvan_follow_dropped_total", "Events not sent to a follower that does not keep up", false, "",
	    c->dropped_follow);
	add(a, "galvan_journal_events", "Events in the journal", true, "",
	    a->journal_last >= a->journal_first ? (double)(a->journal_last - a->journal_first + 1) : 0);
	add(a, "galvan_calls_made_total", "Calls made", false, "", c->calls_made);
	add(a, "galvan_calls_served_total", "Calls served", false, "", c->calls_served);
	add(a, "galvan_calls_open", "Calls made and not answered yet", true, "", (double)a->outcalls.count);
	add(a, "galvan_frames_received_total", "Frames from devices", false, "", c->frames_in);
	add(a, "galvan_frames_sent_total", "Frames to devices", false, "", c->frames_out);
	add(a, "galvan_connections", "Open connections", true, "",
	    (double)(a->plugin->driver ? a->wires.count : a->conns.count));
	add_commits(a);
	for (size_t i = 0; i < a->customs.count; i++) {
		const struct custom *custom = &a->customs.items[i];
		size_t n = sizeof a->customs.items[i].full;
		snprintf(a->customs.items[i].full, n, "galvan_%s_%s%s", a->plugin->name, custom->name,
			 custom->gauge ? "" : "_total");
	}
	for (size_t i = 0; i < a->customs.count; i++)
		add(a, a->customs.items[i].full, "What the plugin itself counts; see its documentation.",
		    a->customs.items[i].gauge, "", a->customs.items[i].value);
	for (size_t i = 0; i < a->metric_list.count; i++) {
		Kernel__Metric **p = PUSH(a->metric_pointers);
		*p = &a->metric_list.items[i];
	}
	*ret = (const Kernel__Metric *const *)a->metric_pointers.items;
	return a->metric_pointers.count;
}
