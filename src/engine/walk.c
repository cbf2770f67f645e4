/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One packet through the chains of a table, to be read beside ipt_do_table() (net/ipv4/netfilter/ip_tables.c)
 * and ip6t_do_table() (net/ipv6/netfilter/ip6_tables.c). The kernel's jump stack is here the stack of
 * walk_chain(): a jump comes back to the next rule, a goto to where the chain would have come back.
 *
 * Three-valued: `certain` says that the packet is at this point whatever is not known. A rule that perhaps
 * matches lets its verdict be possible and the walk go on; what comes behind is then uncertain, and what is
 * uncertain only ever adds to what is possible. So every verdict that some completion of the packet meets is
 * among outcome->verdicts. The walk visits no more rules than the kernel would on its longest way, and at
 * most STEPS_MAX. */
#include "engine/walk.h"
#include "extension/extension.h"
#include "packet/address.h"

#include <string.h>

#define STEPS_MAX                                                                                            \
	8000000u /* rules tried for one packet: chains that call chains may be exponential, in the kernel    \
		    too */

/* How a chain, or a table, may be left. */
enum leaving { ENDS = 1 << 0, RETURNS = 1 << 1 };

static void walker_trace(struct walker *walker, enum step_kind kind, const struct chain *chain,
			 const struct rule *rule, enum truth truth)
{
	if (!walker->trace)
		return;
	struct step step = {.kind = kind,
			    .chain = chain,
			    .rule = rule,
			    .truth = truth,
			    .hook = walker->hook,
			    .packet = &walker->packet};
	walker->trace(walker->context, &step);
}

static void walker_affect(struct walker *walker, unsigned effects, const struct rule *rule)
{
	for (unsigned i = 0, fresh = effects & ~walker->effects; fresh; i++, fresh >>= 1) {
		if (fresh & 1)
			walker->effect_rules[i] = rule;
	}
	walker->effects |= effects;
}

static void walker_decide(struct walker *walker, unsigned verdict, const struct chain *chain,
			  const struct rule *rule)
{
	walker->verdicts |= verdict;
	walker->deciders++;
	walker->rule = rule;
	walker->chain = chain;
}

static inline enum truth truth_and(enum truth a, enum truth b)
{
	if (a == TRUTH_NO || b == TRUTH_NO)
		return TRUTH_NO;
	return a == TRUTH_YES ? b : a;
}

static enum truth truth_of(bool value)
{
	return value ? TRUTH_YES : TRUTH_NO;
}

/* --- the rule's own part: ip_packet_match(), ip6_packet_match()
 * ------------------------------------------------ */

static bool interface_equal(const struct interface_match *match, const char *name)
{
	return match->wildcard ? strncmp(name, match->name, strlen(match->name)) == 0
			       : strcmp(name, match->name) == 0;
}

/* name "" where there is no device: "! -i eth0" is true there. */
static enum truth match_interface(const struct interface_match *match, bool known, const char *name)
{
	if (match->name[0] == '\0') /* the mask is empty: all names are equal to it */
		return truth_of(!match->inverted);
	if (!known)
		return TRUTH_UNKNOWN;
	return truth_of(interface_equal(match, name) != match->inverted);
}

static bool interface_asked(const struct interface_match *match)
{
	return match->name[0] || match->inverted;
}

static inline enum truth match_address(const struct address_match *match, bool known, address value)
{
	if (match->mask == 0)
		return truth_of(!match->inverted);
	if (!known)
		return TRUTH_UNKNOWN;
	return truth_of(((value & match->mask) == match->value) != match->inverted);
}

static enum truth match_protocol(const struct rule *rule, const struct packet *packet)
{
	if (rule->protocol == 0)
		return TRUTH_YES;
	if (!(packet->known & KNOWN_PROTOCOL))
		return TRUTH_UNKNOWN;
	return truth_of((packet->protocol == rule->protocol) != rule->protocol_inverted);
}

static enum truth match_fragment(const struct rule *rule, const struct packet *packet)
{
	if (rule->fragment == FRAGMENT_ANY)
		return TRUTH_YES;
	if (!(packet->known & KNOWN_FRAGMENT))
		return TRUTH_UNKNOWN;
	return truth_of((packet->fragment_offset != 0) == (rule->fragment == FRAGMENT_LATER));
}

/* *hot_drop: ip6_packet_match() gives the packet up in reading its headers, which it does last. */
static enum truth match_header(struct walker *walker, const struct rule *rule, enum truth *hot_drop)
{
	const struct packet *packet = &walker->packet;
	*hot_drop = TRUTH_NO;
	enum truth truth = match_address(&rule->source, packet->known & KNOWN_SOURCE, walker->source);
	if (truth == TRUTH_NO)
		return TRUTH_NO;
	truth = truth_and(
	    truth, match_address(&rule->destination, packet->known & KNOWN_DESTINATION, walker->destination));
	/* A device that there is not has no name: "! -i eth0" is true of it. Behind POSTROUTING a forwarded
	 * packet still has the one it came by (nf_hook_state.in, since 5.7). */
	if (interface_asked(&rule->in))
		truth = truth_and(truth,
				  match_interface(&rule->in, walker->made_here || (packet->known & KNOWN_IN),
						  walker->made_here ? "" : packet->in));
	if (interface_asked(&rule->out)) {
		/* Only behind the routing decision, on the way out. */
		bool outward = walker->hook >= HOOK_FORWARD;
		truth = truth_and(truth, match_interface(&rule->out, !outward || (packet->known & KNOWN_OUT),
							 outward ? packet->out : ""));
	}
	if (truth == TRUTH_NO)
		return TRUTH_NO;
	if (packet->family == FAMILY_IPV6 && packet->header_error && rule->protocol) {
		*hot_drop = truth;
		return TRUTH_NO;
	}
	truth = truth_and(truth, match_protocol(rule, packet));
	return truth_and(truth, match_fragment(rule, packet));
}

/* --- matches
 * --------------------------------------------------------------------------------------------------- */

static void refresh_state(struct walker *walker, struct evaluation *evaluation)
{
	bool given = walker->follows ? walker->tracked.known : walker->packet.known & KNOWN_STATE;
	enum connection_state state = walker->follows ? walker->tracked.state : walker->packet.state;
	if (walker->untracked == TRUTH_YES) {
		evaluation->has_state = TRUTH_YES;
		evaluation->state_known = true;
		evaluation->state = STATE_UNTRACKED;
	} else if (!walker->behind_conntrack && walker->untracked == TRUTH_NO &&
		   walker->set_otherwise == TRUTH_NO) {
		/* xt_conntrack: without a connection INVALID */
		evaluation->has_state = TRUTH_NO;
		evaluation->state_known = true;
	} else if (!walker->behind_conntrack) {
		/* Perhaps NOTRACK; a template; the connection by which loopback traffic left. */
		evaluation->has_state = TRUTH_UNKNOWN;
	} else if (walker->untracked == TRUTH_NO) {
		evaluation->has_state = given ? TRUTH_YES : TRUTH_UNKNOWN;
		evaluation->state_known = given;
		if (given)
			evaluation->state = state;
	} else {
		/* Behind conntrack with or without NOTRACK: known only when both give the same. */
		evaluation->has_state = TRUTH_UNKNOWN;
		evaluation->state_known = given && state == STATE_UNTRACKED;
		if (evaluation->state_known)
			evaluation->state = STATE_UNTRACKED;
	}
}

void walker_refresh(struct walker *walker)
{
	const struct tracked *tracked = &walker->tracked;
	walker->evaluation = (struct evaluation){
	    .state = STATE_INVALID,
	    .hook = walker->hook,
	    .session = walker->session,
	};
	refresh_state(walker, &walker->evaluation);
	if (walker->follows && walker->behind_conntrack && tracked->known && tracked->flow &&
	    tracked->flow->known && tracked->flow->details && !tracked->flow->unknown[0] &&
	    !tracked->flow->unknown[1] && !tracked->flow->status_unknown)
		walker->evaluation.connection = &tracked->flow->connection;
	walker->evaluation_fresh = true;
}

static enum truth match_extensions(struct walker *walker, const struct rule *rule, enum truth truth,
				   bool certain, enum truth *hot_drop)
{
	if (!walker->evaluation_fresh)
		walker_refresh(walker);
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		if (match->type->effects)
			walker_affect(walker, match->type->effects(match), rule);
		struct evaluation evaluation = walker->evaluation;
		evaluation.certain = certain && truth == TRUTH_YES;
		enum truth answer = match->type->evaluate(match, rule, &walker->packet, &evaluation);
		/* To what is not followed. */
		if (match->type->changes)
			walker->packet.known &= ~(uint32_t)(KNOWN_MARK | KNOWN_TYPE);
		/* The kernel looks at hotdrop when it is through with the rule: where the match is true all
		 * the same, as inverted ones of sctp and dccp are, the others are asked, and the rule counts.
		 */
		if (evaluation.hot_drop && *hot_drop != TRUTH_YES)
			*hot_drop = truth;
		else if (evaluation.hot_drop_perhaps && *hot_drop == TRUTH_NO)
			*hot_drop = TRUTH_UNKNOWN;
		truth = truth_and(truth, answer);
		if (truth == TRUTH_NO)
			return TRUTH_NO;
	}
	return truth;
}

static enum truth match_rule(struct walker *walker, const struct rule *rule, bool certain,
			     enum truth *hot_drop)
{
	enum truth truth = match_header(walker, rule, hot_drop);
	if (truth == TRUTH_NO || rule->match_count == 0)
		return truth;
	return match_extensions(walker, rule, truth, certain, hot_drop);
}

/* --- targets and chains
 * ---------------------------------------------------------------------------------------- */

/* NOTRACK and CT --notrack: nothing is done when skb->_nfct is set (xt_ct_target()). */
static void run_notrack(struct walker *walker, enum truth truth)
{
	if (walker->behind_conntrack || walker->untracked == TRUTH_YES || walker->set_otherwise == TRUTH_YES)
		return;
	walker->untracked =
	    truth == TRUTH_YES && walker->set_otherwise == TRUTH_NO ? TRUTH_YES : TRUTH_UNKNOWN;
	walker->evaluation_fresh = false;
}

/* What a target that may do anything may have changed: another program may have put another packet there. */
static void forget_packet(struct walker *walker)
{
	packet_forget_bytes(&walker->packet);
	walker->packet.known &= KNOWN_IN | KNOWN_OUT | KNOWN_MAC | KNOWN_TIME | KNOWN_STATE;
}

static void run_opaque(struct walker *walker, const struct rule *rule)
{
	struct ct_template template;
	if (!target_ct_template(&rule->target, &template))
		forget_packet(walker);
	walker_affect(walker, EFFECT_UNKNOWN, rule);
	walker_decide(walker, VERDICT_UNKNOWN, rule->chain, rule);
	/* In raw it may be a CT target. */
	if (!walker->behind_conntrack && walker->untracked != TRUTH_YES) {
		walker->set_otherwise = TRUTH_UNKNOWN;
		walker->evaluation_fresh = false;
	}
}

/* CT with a template: nothing is done when skb->_nfct is set. */
static void run_template(struct walker *walker, bool sure)
{
	if (walker->behind_conntrack || walker->untracked == TRUTH_YES || walker->set_otherwise == TRUTH_YES)
		return;
	bool first = sure && walker->untracked == TRUTH_NO && walker->set_otherwise == TRUTH_NO;
	walker->set_otherwise = first ? TRUTH_YES : TRUTH_UNKNOWN;
	walker->evaluation_fresh = false;
}

/* What may not have been changed is not known, nor is what it would have been changed to. */
static void forget_changes(struct packet *packet, const struct packet *changed)
{
	if (packet->mark != changed->mark)
		packet->known &= ~(uint32_t)KNOWN_MARK;
	if (packet->ttl != changed->ttl)
		packet->known &= ~(uint32_t)KNOWN_TTL;
	if (packet->tos != changed->tos)
		packet->known &= ~(uint32_t)KNOWN_TOS;
	if (packet->bytes != changed->bytes || packet->bytes_size != changed->bytes_size) {
		packet->bytes = changed->bytes;
		packet->bytes_size = changed->bytes_size;
		packet->transport = changed->transport;
	}
	packet->known &= changed->known;
}

/* Whether the target drops the packet, as some do where the header that they would change is cut off. */
static bool run_change(struct walker *walker, const struct target *target, bool certain)
{
	if (!target->type->apply)
		return false;
	if (!walker->evaluation_fresh)
		walker_refresh(walker);
	struct evaluation evaluation = walker->evaluation;
	struct packet changed = walker->packet;
	struct connection connection, *real = evaluation.connection;
	evaluation.certain = certain;
	if (real && !certain) {
		connection = *real;
		evaluation.connection = &connection;
	}
	target->type->apply(target, &changed, &evaluation);
	if (certain)
		walker->packet = changed;
	else
		forget_changes(&walker->packet, &changed);
	/* The connection's mark may be another now. */
	if (walker->tracked.flow &&
	    (!real || !evaluation.connection || (!certain && real->mark != connection.mark))) {
		walker->tracked.flow->details = false;
		walker->evaluation_fresh = false;
	}
	return evaluation.hot_drop;
}

static unsigned walk_chain(struct walker *walker, const struct chain *chain, bool certain, unsigned depth);

/* A terminal verdict at this rule. Gives what the rule adds to the chain's flow. */
static unsigned run_verdict(struct walker *walker, const struct rule *rule, enum target_kind kind)
{
	unsigned verdict = kind == TARGET_ACCEPT ? VERDICT_ACCEPT
			   : kind == TARGET_DROP ? VERDICT_DROP
						 : VERDICT_REJECT;
	walker_decide(walker, verdict, rule->chain, rule);
	return ENDS;
}

/* REDIRECT drops where the interface has no address of the destination's scope: nf_nat_redirect_ipv6(). Of
 * global ones it has some. */
static bool redirect_may_drop(const struct walker *walker, const struct target *target)
{
	struct nat_range range = {0};
	target->type->nat(target, &range);
	return range.redirect && walker->packet.family == FAMILY_IPV6 &&
	       (!(walker->packet.known & KNOWN_DESTINATION) || walker->destination >> 120 >= 0xfe);
}

/* A target of nat: accepts, whatever it makes of the packet (xt_nat.c and its kind). */
static unsigned run_nat(struct walker *walker, const struct rule *rule, bool sure)
{
	if (redirect_may_drop(walker, &rule->target))
		walker_decide(walker, VERDICT_DROP, rule->chain, rule);
	if (sure && !walker->nat.perhaps) {
		walker->nat.sure = true;
		rule->target.type->nat(&rule->target, &walker->nat.range);
	} else {
		walker->nat.perhaps = true;
	}
	walker_decide(walker, VERDICT_ACCEPT, rule->chain, rule);
	return ENDS;
}

/* A target that changes addresses or ports, or what conntrack makes of the packet. */
static unsigned run_rewrite(struct walker *walker, const struct rule *rule, bool sure, bool *certain,
			    bool *onward)
{
	struct ct_template template;
	if (walker->walks_nat && rule->chain->table->id == TABLE_NAT && rule->target.type->nat) {
		*onward = !sure;
		unsigned leaving = run_nat(walker, rule, sure && *certain);
		*certain = false;
		return leaving;
	}
	if (walker->walks_nat && target_ct_template(&rule->target, &template)) {
		run_template(walker, sure && *certain);
		return 0;
	}
	run_opaque(walker, rule);
	*certain = false;
	return ENDS;
}

/* The target of a rule that matched (truth: for sure, or perhaps). *onward: whether the next rule may come
 * after it; *certain: whether it is sure to, if it was sure that this rule is reached. Gives what is added to
 * the chain's flow. */
static unsigned run_target(struct walker *walker, const struct rule *rule, enum truth truth, bool *certain,
			   bool *onward, unsigned depth)
{
	const struct target *target = &rule->target;
	enum target_kind kind = target->type->kind;
	bool sure = truth == TRUTH_YES;
	unsigned flow = 0;
	walker_affect(walker, target->type->effects, rule);
	*onward = true;
	switch (kind) {
	case TARGET_CONTINUE:
		return 0;
	case TARGET_NOTRACK:
		run_notrack(walker, sure && *certain ? TRUTH_YES : TRUTH_UNKNOWN);
		return 0;
	case TARGET_JUMP:
		flow = walk_chain(walker, target->chain, sure && *certain, depth + 1);
		if (target->is_goto) {
			*onward = !sure;
			*certain = false;
			return flow;
		}
		*onward = !sure || (flow & RETURNS);
		if (flow & ENDS)
			*certain = false;
		return flow & ENDS;
	case TARGET_RETURN:
		flow = RETURNS;
		break;
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_REJECT:
		flow = run_verdict(walker, rule, kind);
		break;
	case TARGET_CHANGE:
		if (!run_change(walker, target, sure && *certain))
			return 0;
		flow = run_verdict(walker, rule, TARGET_DROP);
		break;
	case TARGET_REWRITE:
		return run_rewrite(walker, rule, sure, certain, onward);
	case TARGET_QUEUE:
	case TARGET_OPAQUE:
		run_opaque(walker, rule);
		*certain = false;
		return ENDS;
	}
	*onward = !sure;
	*certain = false;
	return flow;
}

/* certain: the packet is in this chain for sure. Gives how the chain may be left. */
static unsigned walk_chain(struct walker *walker, const struct chain *chain, bool certain, unsigned depth)
{
	unsigned flow = 0;
	if (depth > CHAIN_DEPTH_MAX) {
		walker->over_limit = true;
		return ENDS;
	}
	for (size_t i = 0; i < chain->rule_count; i++) {
		const struct rule *rule = &chain->rules[i];
		if (walker->steps++ >= STEPS_MAX)
			walker->over_limit = true;
		if (walker->over_limit)
			return flow | ENDS;
		enum truth hot_drop;
		enum truth truth = match_rule(walker, rule, certain, &hot_drop);
		if (truth == TRUTH_NO && hot_drop == TRUTH_NO)
			continue;
		if ((truth == TRUTH_UNKNOWN || hot_drop == TRUTH_UNKNOWN) && !walker->unsure)
			walker->unsure = rule;
		if (hot_drop != TRUTH_NO) {
			if (truth != TRUTH_NO) {
				walker_trace(walker, STEP_RULE, chain, rule, certain ? truth : TRUTH_UNKNOWN);
				walker_affect(walker, rule->target.type->effects, rule);
			}
			walker_trace(walker, STEP_HOT_DROP, chain, rule, certain ? hot_drop : TRUTH_UNKNOWN);
			walker_decide(walker, VERDICT_DROP, chain, rule);
			flow |= ENDS;
			if (hot_drop == TRUTH_YES)
				return flow;
			certain = false;
			if (truth == TRUTH_NO)
				continue;
		} else {
			walker_trace(walker, STEP_RULE, chain, rule, certain ? truth : TRUTH_UNKNOWN);
		}
		bool onward;
		flow |= run_target(walker, rule, truth, &certain, &onward, depth);
		if (!onward)
			return flow;
		if (rule->target.chain && !rule->target.is_goto)
			walker_trace(walker, STEP_RETURN, chain, rule,
				     certain && truth == TRUTH_YES ? TRUTH_YES : TRUTH_UNKNOWN);
	}
	return flow | RETURNS;
}

/* --- tables and hooks
 * ------------------------------------------------------------------------------------------ */

bool walk_table(struct walker *walker, enum table_id id, bool *certain, struct outcome *outcome)
{
	const struct ruleset *ruleset = walker->ruleset;
	const struct table *table = &ruleset->tables[walker->packet.family][id];
	const struct chain *chain = table->hooks[walker->hook];
	if (!table->present || !chain)
		return true;
	walker->verdicts = 0;
	walker->deciders = 0;
	walker->rule = NULL;
	walker->chain = NULL;
	walker_trace(walker, STEP_TABLE, chain, NULL, *certain ? TRUTH_YES : TRUTH_UNKNOWN);
	unsigned flow = walk_chain(walker, chain, *certain, 0);
	if (walker->over_limit) {
		walker_decide(walker, VERDICT_UNKNOWN, chain, NULL);
		outcome->effects |= EFFECT_UNKNOWN;
	} else if (flow & RETURNS) {
		bool sure = *certain && !(flow & ENDS);
		walker_trace(walker, STEP_POLICY, chain, NULL, sure ? TRUTH_YES : TRUTH_UNKNOWN);
		walker_decide(walker, chain->policy == POLICY_DROP ? VERDICT_DROP : VERDICT_ACCEPT, chain,
			      NULL);
	}
	/* A packet that was surely here is surely behind, too, unless something else may have become of it.
	 */
	if (walker->verdicts != VERDICT_ACCEPT)
		*certain = false;
	bool drops = walker->verdicts & ~(unsigned)VERDICT_ACCEPT;
	/* The decision to let a packet in is the filter table's where there is one: the others have most
	 * often nothing to say. What was perhaps decided before makes it no single rule's. */
	bool late = id == TABLE_NAT || walker->hook == HOOK_POSTROUTING;
	bool speaks =
	    drops || id <= TABLE_FILTER || !ruleset->tables[walker->packet.family][TABLE_FILTER].present;
	if (drops || (!late && (speaks || walker->rule))) {
		bool alone = walker->deciders == 1 && !(outcome->verdicts & ~(unsigned)VERDICT_ACCEPT);
		outcome->rule = alone ? walker->rule : NULL;
		outcome->chain = alone ? walker->chain : NULL;
	}
	outcome->verdicts |= walker->verdicts & ~(unsigned)VERDICT_ACCEPT;
	/* Behind a target that may have let it pass the walk goes on: its verdict stays possible. */
	return !walker->over_limit && (walker->verdicts & (VERDICT_ACCEPT | VERDICT_UNKNOWN));
}

bool walk_has_rules(const struct ruleset *ruleset, enum family family, enum table_id id, enum hook hook)
{
	const struct table *table = &ruleset->tables[family][id];
	return table->present && table->hooks[hook] && table->hooks[hook]->rule_count;
}

void walker_readdress(struct walker *walker)
{
	walker->source = address_from_bytes(walker->packet.family, walker->packet.source);
	walker->destination = address_from_bytes(walker->packet.family, walker->packet.destination);
}

void walker_init(struct walker *walker, const struct ruleset *ruleset, const struct packet *packet,
		 engine_trace trace, void *context)
{
	*walker = (struct walker){
	    .ruleset = ruleset,
	    .packet = *packet,
	    .hook = HOOK_PREROUTING,
	    .trace = trace,
	    .context = context,
	};
	walker_readdress(walker);
	/* Loopback traffic comes with the connection by which it left (skb->_nfct stays). A packet whose
	 * interface is not given comes from a network. */
	if ((packet->known & KNOWN_IN) && strcmp(packet->in, "lo") == 0)
		walker->set_otherwise = TRUTH_UNKNOWN;
}
