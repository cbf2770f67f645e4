/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two ways. Each packet by itself: under connection states that it could have, its counters must be the same
 * in all of them, since the host answers nobody, and what came before is not looked at. Or all of them in
 * order, as of a capture: then what is remembered from packet to packet must be certain too, and a frame that
 * is not certain is taken out and all begins anew, since it would have changed what is remembered.
 *
 * With bounds what is not certain is sent, too: what the kernel counted must lie between what the engine says
 * for sure and what it says perhaps. */
#include "predict.h"

#include "extension/session.h"
#include "testbed.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINK_ETHERNET 1

/* Bits of enum connection_state. First packets only: the host never answers. */
static unsigned possible_states(const struct packet *packet, const struct frame_plan *plan)
{
	bool v4 = packet->family == FAMILY_IPV4;

	switch (packet->protocol) {
	case IPPROTO_TCP:
		/* A SYN alone is NEW; others may be picked up (tcp_loose), be ignored or be refused. */
		return (packet->tcp_flags & 0x3f) == 0x02 && !plan->tcp_options
			   ? 1u << STATE_NEW
			   : 1u << STATE_NEW | 1u << STATE_INVALID;
	case IPPROTO_UDP:
		return 1u << STATE_NEW;
	case IPPROTO_ICMP:
		if (v4 && packet->icmp_type == 8)
			return 1u << STATE_NEW;
		break;
	case IPPROTO_ICMPV6:
		if (!v4 && packet->icmp_type == 128)
			return 1u << STATE_NEW;
		break;
	default:
		break;
	}
	return 1u << STATE_NEW | 1u << STATE_INVALID | 1u << STATE_RELATED | 1u << STATE_UNTRACKED;
}

/* For a packet that the routing drops: a trace up to the tables of INPUT. */
struct cut_trace {
	struct trace trace;
	bool whole, stopped;
	bool nft;      /* only what both flavours count alike */
	bool in_front; /* and weir in front of them */
	bool unsure;
	bool differs; /* the flavours do, or weir in front: not to be sent */
};

static void trace_cut(void *context, const struct step *step)
{
	struct cut_trace *cut = context;

	if (step->kind == STEP_TABLE && step->hook != HOOK_PREROUTING && !cut->whole)
		cut->stopped = true;
	if (cut->stopped)
		return;
	cut->unsure |= !(step->packet->known & KNOWN_LENGTH);
	if (step->kind == STEP_HOT_DROP && step->truth != TRUTH_YES)
		cut->unsure = true;
	/* XDP does not read so far: it drops them where all the rules behind do, and counts them there. */
	if (step->kind == STEP_HOT_DROP && cut->in_front)
		cut->differs = true;
	/* A rule that matches and drops for a malformed header counts in x_tables only (flavours.c). */
	if (step->kind == STEP_HOT_DROP && cut->nft && cut->trace.count &&
	    cut->trace.items[cut->trace.count - 1].counted == step->rule)
		cut->differs = true;
	trace_record(&cut->trace, step);
}

static bool same_trace(const struct trace *a, const struct trace *b)
{
	return a->count == b->count &&
	       (!a->count || !memcmp(a->items, b->items, a->count * sizeof(*a->items)));
}

static bool certain(const struct cut_trace *cut)
{
	for (size_t i = 0; i < cut->trace.count; i++)
		if (cut->trace.items[i].truth != TRUTH_YES)
			return false;
	return !cut->unsure && !cut->differs;
}

/* state: STATE_COUNT where it is not known. */
static int run_state(const struct prediction *prediction, struct packet *packet, enum testbed_way way,
		     int state, struct cut_trace *cut)
{
	struct outcome outcome;

	packet->known |= KNOWN_STATE;
	if (state < STATE_COUNT)
		packet->state = (enum connection_state)state;
	else
		packet->known &= ~(uint32_t)KNOWN_STATE;
	*cut = (struct cut_trace){
	    .whole = way != WAY_PREROUTING, .nft = prediction->nft, .in_front = prediction->in_front};
	return engine_run(prediction->ruleset, packet, way == WAY_FORWARD ? PATH_FORWARD : PATH_INPUT,
			  trace_cut, cut, &outcome);
}

/* By itself: the trace that it has in every state, in `first`. 1 when it is certain, 0 when not, -errno. */
static int predict_alone(const struct prediction *prediction, struct packet *packet,
			 const struct frame_plan *plan, enum testbed_way way, struct cut_trace *first)
{
	unsigned states = prediction->tracked ? possible_states(packet, plan) : 1u << STATE_NEW;
	bool sure = true, begun = false;

	for (int state = 0; state < STATE_COUNT && sure; state++) {
		struct cut_trace cut;
		int error;

		if (!(states >> state & 1))
			continue;
		error = run_state(prediction, packet, way, state, begun ? &cut : first);
		if (error)
			return error;
		if (!begun) {
			begun = true;
			sure = certain(first);
			continue;
		}
		sure = same_trace(&first->trace, &cut.trace);
		trace_fini(&cut.trace);
	}
	if (!sure && prediction->bounds && prediction->tracked) {
		trace_fini(&first->trace);
		int error = run_state(prediction, packet, way, STATE_COUNT, first);

		return error ? error : 0;
	}
	return sure;
}

static bool is_leaving(const struct prediction *prediction, const struct frame_plan *plan)
{
	return prediction->leaving &&
	       plan->source == pool_parse(plan->family, plan->family == FAMILY_IPV4 ? HOST_IPV4 : HOST_IPV6);
}

enum readiness { NOT_SENT, SENT_UNCOUNTED, SENT };

/* The packet, and its way. */
static enum readiness prepare(struct prediction *prediction, const struct sent_frame *sent,
			      struct packet *packet, enum testbed_way *way)
{
	const struct frame_plan *plan = &sent->plan;
	enum link_verdict verdict;
	const char *out;

	*way = testbed_way(plan, prediction->forwarding, prediction->tracked, &out);
	if (is_leaving(prediction, plan)) {
		*way = WAY_FORWARD;
		out = TEST_BEHIND;
	}
	if (prediction->nat && *way == WAY_FORWARD && strcmp(out, TEST_BEHIND) != 0)
		return NOT_SENT;
	if (prediction->nat)
		out = TEST_BEHIND;
	if (!prediction->odd &&
	    (*way == WAY_PREROUTING || (plan->fragment != FRAME_WHOLE && prediction->in_front)))
		return NOT_SENT;
	if (prediction->session && *way == WAY_PREROUTING)
		return NOT_SENT;
	if (prediction->turns && plan->to != TO_HOST)
		return NOT_SENT;
	/* Each of a few rules may take one or two, or give more to what would not be sent on. */
	if (prediction->lowers && plan->ttl && plan->ttl < 60 &&
	    (*way == WAY_FORWARD || (*way == WAY_PREROUTING && plan->ttl == 1)))
		return NOT_SENT;
	if (*way == WAY_UNSURE || packet_decode(LINK_ETHERNET, sent->frame.data, sent->frame.size,
						sent->frame.size, packet, &verdict))
		return NOT_SENT;
	/* The flavours differ there (flavours.c). The engine is of x_tables. */
	if (prediction->nft &&
	    (plan->cut || (plan->fragment != FRAME_WHOLE && !prediction->fragments) || packet->header_error ||
	     packet->transport_short || (plan->family == FAMILY_IPV6 && plan->extensions & 8)))
		return NOT_SENT;
	if (*way == WAY_UNSEEN) {
		prediction->unseen++;
		return SENT_UNCOUNTED;
	}
	if (verdict != FRAME_OK && prediction->leaving)
		return NOT_SENT;
	if (verdict != FRAME_OK)
		return SENT_UNCOUNTED; /* dropped before any rule */
	packet->known |= KNOWN_IN | KNOWN_OUT;
	snprintf(packet->in, sizeof(packet->in), "%s", TEST_INTERFACE);
	snprintf(packet->out, sizeof(packet->out), "%s", out);
	packet->known |= KNOWN_TIME;
	if (is_leaving(prediction, plan))
		packet->known &= ~(uint32_t)(KNOWN_IN | KNOWN_MAC);
	return SENT;
}

static const struct engine_local locals[] = {
    {FAMILY_IPV4, 0xc0000201, 0xc0000201}, /* HOST_IPV4 */
    {FAMILY_IPV4, 0xffffffff, 0xffffffff},
    {FAMILY_IPV4, 0xe0000001, 0xe0000001},
    {FAMILY_IPV6, (address)0x20010db800020000 << 64 | 1, (address)0x20010db800020000 << 64 | 1},
    {FAMILY_IPV6, (address)0xff02000000000000 << 64 | 1, (address)0xff02000000000000 << 64 | 1},
};

static int sum(struct prediction *prediction, struct cut_trace *cut, int sure)
{
	if (!sure && prediction->bounds && !cut->differs) {
		prediction->doubtful++;
		sure = 1;
	}
	if (sure > 0)
		tally_add_trace(&prediction->tally, &prediction->perhaps, &cut->trace);
	trace_fini(&cut->trace);
	return sure;
}

/* One frame. 1, 0 when it is not certain or not to be sent, -errno. */
static int predict_frame(struct prediction *prediction, struct engine *engine, const struct sent_frame *sent,
			 uint64_t now)
{
	struct packet packet;
	struct cut_trace cut = {.nft = prediction->nft, .in_front = prediction->in_front};
	enum testbed_way way;
	struct outcome outcome;
	int error;

	switch (prepare(prediction, sent, &packet, &way)) {
	case NOT_SENT:
		return 0;
	case SENT_UNCOUNTED:
		return 1;
	case SENT:
		break;
	}
	packet.time = now;
	if (!engine)
		return sum(prediction, &cut, predict_alone(prediction, &packet, &sent->plan, way, &cut));
	cut.whole = true;
	packet.known &= ~(uint32_t)KNOWN_STATE;
	if (!prediction->tracked) {
		packet.known |= KNOWN_STATE;
		packet.state = STATE_NEW;
	}
	error = engine_packet(engine, &packet,
			      is_leaving(prediction, &sent->plan) ? ORIGIN_LEAVING : ORIGIN_RECEIVED,
			      trace_cut, &cut, &outcome);
	return sum(prediction, &cut, error ? error : certain(&cut));
}

static int engine_make(const struct prediction *prediction, struct session *session, struct engine **engine)
{
	struct engine_options options = {
	    .locals = locals,
	    .local_count = sizeof(locals) / sizeof(*locals),
	    .path = prediction->forwarding ? PATH_FORWARD : PATH_INPUT,
	    .follow = prediction->tracked,
	    .empty = true,
	    .session = session,
	};

	return engine_new(prediction->ruleset, &options, engine);
}

static uint64_t wall_clock(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* All in order. *bad: the first that is not certain, or count. */
static int predict_all(struct prediction *prediction, const struct sent_frame *frames, size_t count,
		       size_t *bad)
{
	struct engine *engine __attribute__((cleanup(engine_cleanup))) = NULL;
	struct session *session = session_new(1);
	uint64_t now = wall_clock();
	int sure = 1;

	if (!session || engine_make(prediction, session, &engine))
		sure = -ENOMEM;
	memset(prediction->tally.counts, 0, prediction->tally.count * sizeof(*prediction->tally.counts));
	memset(prediction->perhaps.counts, 0,
	       prediction->perhaps.count * sizeof(*prediction->perhaps.counts));
	prediction->unseen = prediction->doubtful = 0;
	for (*bad = 0; *bad < count && sure > 0; *bad += sure > 0)
		sure = predict_frame(prediction, engine, &frames[*bad], now + 1000 * *bad);
	engine_cleanup(&engine);
	engine = NULL;
	session_free(session);
	return sure < 0 ? sure : 0;
}

/* Each by itself, in one go; the sentinel is the last one. */
static int predict_each(struct prediction *prediction, struct sent_frame *frames, size_t *count)
{
	size_t kept = 0;
	int sure = 1;

	for (size_t i = 0; i < *count; i++) {
		sure = predict_frame(prediction, NULL, &frames[i], wall_clock());
		if (sure < 0)
			return sure;
		if (sure)
			frames[kept++] = frames[i];
		else
			prediction->unsure++;
	}
	*count = kept;
	return sure ? 0 : -EDOM;
}

/* Beginning anew behind each that is taken out. */
static int predict_in_order(struct prediction *prediction, struct sent_frame *frames, size_t *count)
{
	for (;;) {
		size_t bad;
		int error = predict_all(prediction, frames, *count, &bad);

		if (error || bad == *count)
			return error;
		if (bad == *count - 1)
			return -EDOM;
		prediction->unsure++;
		memmove(&frames[bad], &frames[bad + 1], (*count - bad - 1) * sizeof(*frames));
		(*count)--;
	}
}

static void take_out_unsendable(struct prediction *prediction, struct sent_frame *frames, size_t *count)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++) {
		struct packet packet;
		enum testbed_way way;

		if (prepare(prediction, &frames[i], &packet, &way) != NOT_SENT)
			frames[kept++] = frames[i];
	}
	*count = kept;
}

int predict(struct prediction *prediction, struct sent_frame *frames, size_t *count)
{
	struct sent_frame *sentinel;
	int error;

	take_out_unsendable(prediction, frames, count);
	prediction->unseen = 0;
	sentinel = &frames[(*count)++];
	testbed_sentinel(prediction->family, &sentinel->plan);
	frame_build(&sentinel->plan, &sentinel->frame);
	error = prediction->session ? predict_in_order(prediction, frames, count)
				    : predict_each(prediction, frames, count);
	if (!error || error == -EDOM)
		(*count)--;
	if (prediction->leaving)
		*tally_find(&prediction->perhaps, TABLE_RAW, TEXT("OUTPUT"), 1) =
		    (struct count){UINT32_MAX, UINT64_MAX};
	return error;
}
