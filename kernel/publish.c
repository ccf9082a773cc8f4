/* The directory: made from the instances as they are, whole, at each change. */
#include "supervisor_internal.h"

#include <stdlib.h>

static void fill_peer(Kernel__Peer *p, const struct gv_instance *inst)
{
	const struct gv_host *h = inst->host;
	const Kernel__Record *r = inst->plan->record;

	kernel__peer__init(p);
	p->name = (char *)inst->name;
	p->plugin = inst->unit->name;
	p->instance = inst->index;
	p->instances = inst->unit->count;
	p->up = h && (h->state == GV_HOST_STARTED || h->state == GV_HOST_STOPPING) && inst->up_ms != 0;
	if (p->up) {
		p->incarnation = h->incarnation;
		p->endpoint = h->endpoint;
		p->local_endpoint = h->local_endpoint;
		p->pid = h->pid;
	}
	p->serves = r->serves;
	p->n_serves = r->n_serves;
	p->hears = r->hears;
	p->n_hears = r->n_hears;
	p->emits = r->emits;
	p->n_emits = r->n_emits;
	p->driver = r->driver;
	p->gone = inst->state == GV_QUARANTINED || inst->state == GV_FAILED ||
		  (inst->state == GV_INSTANCE_STOPPED && !gv_operation_returns(inst->unit->operation));
}

void gv_supervisor_publish(struct gv_supervisor *s)
{
	size_t count = 0, wanted = 1;

	for (size_t u = 0; u < s->n_units; u++)
		wanted += s->units[u]->count;
	if (wanted > s->peers_capacity) {
		Kernel__Peer *peers = reallocarray(s->peers, wanted, sizeof *peers);
		Kernel__Peer **pointers;

		if (!peers)
			return;
		s->peers = peers;
		pointers = reallocarray(s->peer_pointers, wanted, sizeof *pointers);
		if (!pointers)
			return;
		s->peer_pointers = pointers;
		s->peers_capacity = wanted;
	}
	s->peers[count++] = *s->o.kernel;
	for (size_t u = 0; u < s->n_units; u++)
		for (uint32_t i = 0; i < s->units[u]->count; i++)
			fill_peer(&s->peers[count++], &s->units[u]->instances[i]);
	for (size_t i = 0; i < count; i++)
		s->peer_pointers[i] = &s->peers[i];
	s->directory.version++;
	s->directory.peers = s->peer_pointers;
	s->directory.n_peers = count;
	gv_hosts_send_directory(s->hosts, &s->directory);
	s->o.events.changed(s->o.events.arg, &s->directory);
}
