/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A TEE whose gateway is no neighbour. Only the host's routes tell, so only of rules that are live. The
 * copy's next hop is that of the route to the gateway (nf_dup_ipv4_route()), its destination stays what it
 * was. */
#include "check/findings.h"

static const char *problem(enum check_route route)
{
	switch (route) {
	case CHECK_ROUTE_VIA:
		return "is no neighbour: copies go to the router on the way to it, which sends them where "
		       "the packet was "
		       "going";
	case CHECK_ROUTE_OWN:
		return "is this host itself: copies do not leave it";
	case CHECK_ROUTE_NONE:
		return "cannot be reached: there is no route to it, and no copy is sent";
	case CHECK_ROUTE_LINK:
	case CHECK_ROUTE_UNKNOWN:
		break;
	}
	return NULL;
}

static int run_rule(struct check *check, const struct rule *rule)
{
	enum family family = rule_family(rule);
	uint8_t gateway[16];
	if (!target_tee(&rule->target, family, gateway))
		return 0;
	const char *text = problem(check->options->route(family, gateway));
	if (!text)
		return 0;
	struct buffer name = {0};
	address_print(family, address_from_bytes(family, gateway), &name);
	check_add(check, rule->target.span, "the gateway %s %s", check_text(check, &name), text);
	return 0;
}

static int run(struct check *check)
{
	return check->options->route ? check_rules(check, run_rule) : 0;
}

const struct finding_type finding_tee_gateway = {
    .code = "tee-gateway",
    .severity = SEVERITY_WARNING,
    .title = "a TEE whose gateway gets no copies (with --live)",
    .why = "TEE only chooses the next hop. Through a router the copy is not tunnelled to the gateway: the "
	   "router delivers it "
	   "where the original goes, so the receiver gets everything twice and the gateway nothing.",
    .action = "Use a gateway on a network of this host, or carry the copies through a tunnel (GRE, VXLAN) "
	      "whose far end is "
	      "the gateway.",
    .run = run,
};
