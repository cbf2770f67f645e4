/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A selector as options of rules. Its parts are all to match, and of each part any: so the rules are the
 * product of the parts' choices. What is long belongs into a set. */
#include "read/policy/render_private.h"

#include <netinet/in.h>
#include <stdlib.h>

#define CONDITIONS_MAX 4096 /* rules that one selector may become */
#define MULTIPORT_MAX 15    /* XT_MULTI_PORTS; a range takes two */

static void choice_add(struct render *render, struct conditions *choices, const char *text)
{
	const char **place = text ? arena_push(render->arena, (void **)&choices->texts, &choices->count,
					       &choices->capacity, sizeof(*choices->texts))
				  : NULL;

	if (place)
		*place = text;
	else
		render->failed = true;
}

const char *render_address(struct render *render, enum family family, address value)
{
	struct buffer text = {0};
	const char *copy;

	address_print(family, value, &text);
	copy = text.data && !text.failed ? arena_copy(render->arena, text.data, text.size) : NULL;
	if (!copy)
		render->failed = true;
	buffer_fini(&text);
	return copy ? copy : "";
}

/* --- Addresses -------------------------------------------------------------------------------------------
 */

/* Which side of a packet, and where. */
struct side {
	const struct selector_place *place;
	bool source;
};

static bool arrives(enum hook hook)
{
	return hook == HOOK_PREROUTING || hook == HOOK_INPUT;
}

static void choose_range(struct render *render, const struct side *side, struct address_range range,
			 struct conditions *choices)
{
	enum family family = side->place->family;
	address end;
	unsigned length = policy_prefix(family, range.low, range.high, &end);
	const char *low = render_address(render, family, range.low);

	if (end != range.high)
		choice_add(render, choices,
			   arena_printf(render->arena, " -m iprange --%s-range %s-%s",
					side->source ? "src" : "dst", low,
					render_address(render, family, range.high)));
	else if (length == 0)
		choice_add(render, choices, "");
	else
		choice_add(render, choices,
			   arena_printf(render->arena, " -%c %s/%u", side->source ? 's' : 'd', low, length));
}

/* In INPUT and OUTPUT one side is the host's own whatever the address. */
static void choose_self(struct render *render, const struct side *side, struct conditions *choices)
{
	enum hook hook = side->place->hook;

	if (hook == (side->source ? HOOK_OUTPUT : HOOK_INPUT))
		choice_add(render, choices, "");
	else
		choice_add(render, choices,
			   side->source ? " -m addrtype --src-type LOCAL" : " -m addrtype --dst-type LOCAL");
}

static void choose_set(struct render *render, const struct side *side, const struct policy_set *set,
		       struct conditions *choices)
{
	const char *name = side->source ? "src" : "dst", *but = "";
	char kernel_name[POLICY_KERNEL_NAME_MAX];

	policy_set_name(set, side->place->family, kernel_name);
	for (size_t i = 0; i < render->tree->set_count; i++)
		render->set_used[i] |= render->tree->sets[i] == set;
	/* What arrives with one of the host's own addresses as its source comes by lo, which is let through
	 * before, or is forged: to ask for it would keep all of the set's packets out of XDP. */
	if (set->excepts_self && !(side->source && arrives(side->place->hook)))
		but = side->source ? " -m addrtype ! --src-type LOCAL" : " -m addrtype ! --dst-type LOCAL";
	choice_add(
	    render, choices,
	    policy_set_has_ports(set->type)
		? arena_printf(render->arena, " -m set --match-set %s %s,%s%s", kernel_name, name, name, but)
		: arena_printf(render->arena, " -m set --match-set %s %s%s", kernel_name, name, but));
	if (set->includes_self && !set->excepts_self)
		choose_self(render, side, choices);
}

/* false: none of that family. */
static bool choose_places(struct render *render, const struct policy_places *places, const struct side *side,
			  struct conditions *choices)
{
	for (size_t i = 0; i < places->count; i++) {
		const struct policy_place *place = &places->places[i];
		if (place->kind == PLACE_SET)
			choose_set(render, side, place->set, choices);
		else if (place->kind == PLACE_SELF)
			choose_self(render, side, choices);
		else if (place->family == side->place->family)
			choose_range(render, side, place->range, choices);
	}
	for (size_t i = 0; i < choices->count; i++)
		if (choices->texts[i] && !choices->texts[i][0]) { /* any of them is all */
			choices->texts[0] = "";
			choices->count = 1;
			break;
		}
	if (!places->count && side->place->for_host && !side->source)
		choose_self(render, side, choices);
	else if (!places->count)
		choice_add(render, choices, "");
	return choices->count;
}

/* --- Protocols and ports ---------------------------------------------------------------------------------
 */

static const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_DCCP:
		return "dccp";
	default:
		return NULL;
	}
}

static void put_range(struct buffer *out, struct policy_port_range range)
{
	buffer_printf(out, "%u", range.low);
	if (range.high != range.low)
		buffer_printf(out, ":%u", range.high);
}

static const char *take(struct render *render, struct buffer *text)
{
	const char *copy =
	    text->failed ? NULL : arena_copy(render->arena, text->data ? text->data : "", text->size);

	if (!copy)
		render->failed = true;
	buffer_fini(text);
	return copy ? copy : "";
}

/* One range is an option of the protocol's own match, several are lists of multiport. */
static void choose_ports(struct render *render, const struct policy_ports *ports, uint8_t protocol,
			 bool source, struct conditions *choices)
{
	const char *side = source ? "sport" : "dport";

	if (!ports->count)
		choice_add(render, choices, "");
	for (size_t i = 0; i < ports->count;) {
		struct buffer text = {0};
		if (ports->count == 1 && protocol_name(protocol)) {
			buffer_printf(&text, " --%s ", side);
			put_range(&text, ports->ranges[i++]);
		} else {
			buffer_printf(&text, " -m multiport --%ss ", side);
			unsigned room = MULTIPORT_MAX;
			for (bool first = true; i < ports->count; first = false) {
				unsigned need = ports->ranges[i].low == ports->ranges[i].high ? 1 : 2;
				if (need > room)
					break;
				buffer_puts(&text, first ? "" : ",");
				put_range(&text, ports->ranges[i++]);
				room -= need;
			}
		}
		choice_add(render, choices, take(render, &text));
	}
}

static bool is_own(const char *option)
{
	return option[0] && option[2] == '-';
}

/* The protocol's own match is named once, with all of its options. */
static const char *transport(struct render *render, uint8_t protocol, bool syn, const char *const ports[2])
{
	const char *name = protocol_name(protocol);
	struct buffer text = {0};

	if (name)
		buffer_printf(&text, " -p %s", name);
	else
		buffer_printf(&text, " -p %u", protocol);
	if (syn || is_own(ports[0]) || is_own(ports[1]))
		buffer_printf(&text, " -m %s", name);
	for (size_t i = 0; i < 2; i++)
		if (is_own(ports[i]))
			buffer_puts(&text, ports[i]);
	if (syn)
		buffer_puts(&text, " --tcp-flags FIN,SYN,RST,ACK SYN");
	for (size_t i = 0; i < 2; i++)
		if (!is_own(ports[i]))
			buffer_puts(&text, ports[i]);
	return take(render, &text);
}

static void choose_transport(struct render *render, const struct policy_selector *selector,
			     const struct selector_place *place, uint8_t protocol, struct conditions *choices)
{
	struct conditions sources = {0}, destinations = {0};
	bool syn = place->syn && protocol == IPPROTO_TCP;

	choose_ports(render, place->answers ? &selector->ports : &selector->source_ports, protocol, true,
		     &sources);
	choose_ports(render, place->answers ? &selector->source_ports : &selector->ports, protocol, false,
		     &destinations);
	for (size_t i = 0; i < sources.count; i++)
		for (size_t j = 0; j < destinations.count; j++)
			choice_add(
			    render, choices,
			    transport(render, protocol, syn,
				      (const char *const[2]){sources.texts[i], destinations.texts[j]}));
}

/* The answer to a type of ICMP; -1: it has none. RFC 792, RFC 4443. */
static int icmp_answer(enum family family, uint8_t type)
{
	static const uint8_t answers[FAMILY_COUNT][3][2] = {
	    [FAMILY_IPV4] = {{8, 0}, {13, 14}, {17, 18}}, [FAMILY_IPV6] = {{128, 129}, {139, 140}, {0, 0}}};

	for (size_t i = 0; i < 3; i++)
		if (answers[family][i][0] == type && answers[family][i][1])
			return answers[family][i][1];
	return family == FAMILY_IPV4 && type == 8 ? 0 : -1;
}

static void choose_icmp(struct render *render, const struct policy_selector *selector,
			const struct selector_place *place, struct conditions *choices)
{
	bool six = place->family == FAMILY_IPV6, any = false;
	const char *options = six ? " -p ipv6-icmp -m icmp6 --icmpv6-type" : " -p icmp -m icmp --icmp-type";

	for (size_t i = 0; i < selector->icmp_count; i++) {
		const struct policy_icmp *icmp = &selector->icmp[i];
		if (icmp->family != place->family)
			continue;
		any = true;
		int type = place->answers ? icmp_answer(icmp->family, icmp->type) : icmp->type;
		if (type < 0)
			continue;
		if ((icmp->code_low == 0 && icmp->code_high == 255) || place->answers)
			choice_add(render, choices, arena_printf(render->arena, "%s %d", options, type));
		else
			for (unsigned code = icmp->code_low; code <= icmp->code_high; code++)
				choice_add(render, choices,
					   arena_printf(render->arena, "%s %d/%u", options, type, code));
	}
	if (!any)
		choice_add(render, choices, six ? " -p ipv6-icmp" : " -p icmp");
}

static void choose_protocols(struct render *render, const struct policy_selector *selector,
			     const struct selector_place *place, struct conditions *choices)
{
	if (!selector->protocol_count && place->protocol)
		choose_transport(render, selector, place, place->protocol, choices);
	else if (!selector->protocol_count)
		choice_add(render, choices, "");
	for (size_t i = 0; i < selector->protocol_count; i++) {
		uint8_t protocol = selector->protocols[i];
		if ((place->protocol && protocol != place->protocol) ||
		    (place->but_protocol && protocol == place->but_protocol))
			continue;
		if (protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6)
			choose_transport(render, selector, place, protocol, choices);
		else if ((protocol == IPPROTO_ICMPV6) == (place->family == FAMILY_IPV6))
			choose_icmp(render, selector, place, choices);
	}
}

/* --- All of it -------------------------------------------------------------------------------------------
 */

static void choose_devices(struct render *render, const struct policy_selector *selector,
			   const struct selector_place *place, struct conditions *choices)
{
	bool out = place->hook == HOOK_OUTPUT || place->hook == HOOK_POSTROUTING ||
		   (place->hook == HOOK_FORWARD && place->answers);

	if (!selector->device_count || place->no_devices)
		choice_add(render, choices, !place->not_lo ? "" : out ? " ! -o lo" : " ! -i lo");
	for (size_t i = 0; i < selector->device_count && !place->no_devices; i++) {
		const struct interface_match *device = &selector->devices[i];
		if (place->not_lo && !device->name[0]) { /* any */
			choice_add(render, choices, out ? " ! -o lo" : " ! -i lo");
			continue;
		}
		choice_add(render, choices,
			   arena_printf(render->arena, " -%c %s%s", out ? 'o' : 'i', device->name,
					device->wildcard ? "+" : ""));
	}
}

void selector_conditions(struct render *render, const struct policy_selector *selector,
			 const struct selector_place *place, struct conditions *conditions)
{
	struct conditions parts[4] = {0};
	const struct side from = {place, !place->answers}, to = {place, place->answers};

	if (!selector->families[place->family] || render->too_large)
		return;
	/* What costs least is asked first: sets come behind ports. */
	choose_devices(render, selector, place, &parts[0]);
	choose_protocols(render, selector, place, &parts[1]);
	if (!choose_places(render, &selector->from, &from, &parts[2]) ||
	    !choose_places(render, &selector->to, &to, &parts[3]))
		return;
	if (render->failed)
		return;
	size_t product = 1;
	for (size_t i = 0; i < 4; i++)
		product = product && parts[i].count > CONDITIONS_MAX / product ? CONDITIONS_MAX + 1
									       : product * parts[i].count;
	if (product > CONDITIONS_MAX) {
		render_refuse(render, selector->span, "put the addresses into a set, and name that",
			      "this would take more than %d rules", CONDITIONS_MAX);
		return;
	}
	for (size_t number = 0; number < product; number++) {
		const char *chosen[4];
		for (size_t i = 4, rest = number; i-- > 0; rest /= parts[i].count)
			chosen[i] = parts[i].texts[rest % parts[i].count];
		choice_add(
		    render, conditions,
		    arena_printf(render->arena, "%s%s%s%s", chosen[0], chosen[1], chosen[2], chosen[3]));
	}
}

void render_once(struct render *render, const struct selector_place *place, enum table_id table,
		 const char *chain, const char *name, const struct conditions *conditions, struct span span,
		 const char *action)
{
	if (conditions->count == 1) {
		render_rule(render, place->family, table, span, "-A %s%s%s", chain, conditions->texts[0],
			    action);
		return;
	}
	if (!conditions->count)
		return;
	/* goto, as what returns from there goes to the caller's caller: the chain's other rules are passed
	 * by. */
	const char *then = arena_printf(render->arena, "%s-do", name);
	if (!then) {
		render->failed = true;
		return;
	}
	render_chain(render, place->family, table, span, name);
	render_chain(render, place->family, table, span, then);
	render_rule(render, place->family, table, span, "-A %s -j %s", chain, name);
	for (size_t i = 0; i < conditions->count; i++)
		render_rule(render, place->family, table, span, "-A %s%s -g %s", name, conditions->texts[i],
			    then);
	render_rule(render, place->family, table, span, "-A %s%s", then, action);
}
