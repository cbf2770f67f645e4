/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where weir may stand, as host_check() decides it from facts about the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/host.h"

#include <linux/if.h>
#include <linux/if_arp.h>

static struct arena *arena;

static struct host good_host(void)
{
	struct host host = {.link = {.index = 2,
				     .name = "eth0",
				     .driver = "e1000e",
				     .type = ARPHRD_ETHER,
				     .mtu = 1500,
				     .mac = {2, 0, 0, 0, 0, 1},
				     .rx_vlan_known = true}};

	return host;
}

static const struct host_reach in_raw[FAMILY_COUNT] = {{.used = true, .table = TABLE_RAW}, {.used = false}};
static const struct host_reach in_filter[FAMILY_COUNT] = {
    {.used = true, .beyond = true, .table = TABLE_FILTER}, {.used = false}};

/* The first problem's code; "" for none. */
static const char *problem(const struct host *host, unsigned vouched, const struct host_reach *reach)
{
	struct host_problem *problems;
	size_t count;

	assert_int_equal(host_check(arena, host, vouched, reach, &problems, &count), 0);
	return count ? problems[0].code : "";
}

static void a_plain_interface_is_fine(void **state)
{
	struct host host = good_host();

	(void)state;
	assert_string_equal(problem(&host, 0, in_filter), "");
}

static void other_devices_are_not(void **state)
{
	struct host host = good_host();

	(void)state;
	host.link.flags = IFF_LOOPBACK;
	assert_string_equal(problem(&host, 0, NULL), "loopback");
	host = good_host();
	host.link.type = ARPHRD_NONE;
	assert_string_equal(problem(&host, 0, NULL), "not-ethernet");
	host = good_host();
	host.link.master = 7;
	assert_string_equal(problem(&host, 0, NULL), "has-master");
}

static void devices_on_top(void **state)
{
	struct link_upper uppers[1] = {{.name = "up0", .kind = "macvlan"}};
	struct host host = good_host();

	(void)state;
	host.link.uppers = uppers;
	host.link.upper_count = 1;
	assert_string_equal(problem(&host, 0, NULL), "upper-device");
	assert_string_equal(problem(&host, VOUCH_UPPER, NULL), "");
	strcpy(uppers[0].kind, "");
	assert_string_equal(problem(&host, 0, NULL), "upper-device");
	strcpy(uppers[0].kind, "vxlan"); /* takes its packets from a socket */
	assert_string_equal(problem(&host, 0, NULL), "");
	strcpy(uppers[0].kind, "vlan"); /* the tag stays in the frame: offload is off */
	assert_string_equal(problem(&host, 0, NULL), "");
	host.link.rx_vlan = true;
	assert_string_equal(problem(&host, 0, NULL), "vlan-offload");
	host.link.rx_vlan = false;
	host.link.rx_vlan_known = false;
	assert_string_equal(problem(&host, 0, NULL), "vlan-offload");
	host.link.rx_vlan_known = true;
	strcpy(host.link.driver, "veth"); /* hides it whatever it says */
	assert_string_equal(problem(&host, 0, NULL), "vlan-offload");
	assert_string_equal(problem(&host, VOUCH_VLAN, NULL), "");
}

static void programs_in_front(void **state)
{
	struct host host = good_host();

	(void)state;
	host.link.tc_filters = 1;
	assert_string_equal(problem(&host, 0, NULL), "traffic-control");
	assert_string_equal(problem(&host, VOUCH_TC, NULL), "");
	host = good_host();
	host.link.tc_block = true;
	assert_string_equal(problem(&host, 0, NULL), "traffic-control");
	host = good_host();
	host.link.tcx_programs = 1;
	assert_string_equal(problem(&host, 0, NULL), "tcx");
}

static void hooks_matter_when_they_run_before_the_last_rule_that_drops(void **state)
{
	struct hook_entry hook = {.family = FAMILY_IPV4,
				  .place = HOOK_PREROUTING,
				  .priority = -400,
				  .class = HOOK_CLASS_UNKNOWN,
				  .name = "nft chain ip edge early"};
	struct host host = good_host();

	(void)state;
	host.hooks.list = &hook;
	host.hooks.count = 1;
	assert_string_equal(problem(&host, 0, NULL), "");
	assert_string_equal(problem(&host, 0, in_raw), "earlier-hook");
	assert_string_equal(problem(&host, VOUCH_HOOKS, in_raw), "");
	hook.priority = -300; /* of the same priority: which comes first is not known */
	assert_string_equal(problem(&host, 0, in_raw), "earlier-hook");
	hook.priority = -299;
	assert_string_equal(problem(&host, 0, in_raw), "");
	assert_string_equal(problem(&host, 0, in_filter), "earlier-hook");
	hook.place = HOOK_INPUT;
	hook.priority = 0;
	assert_string_equal(problem(&host, 0, in_raw), "");
	assert_string_equal(problem(&host, 0, in_filter), "earlier-hook");
	hook.priority = 1;
	assert_string_equal(problem(&host, 0, in_filter), "");
	hook.place = HOOK_FORWARD;
	hook.priority = -1;
	host.forwarding[FAMILY_IPV4] = TRUTH_NO;
	assert_string_equal(problem(&host, 0, in_filter), "");
	host.forwarding[FAMILY_IPV4] = TRUTH_UNKNOWN;
	assert_string_equal(problem(&host, 0, in_filter), "earlier-hook");
	hook.class = HOOK_CLASS_RULES;
	assert_string_equal(problem(&host, 0, in_filter), "");
	hook.class = HOOK_CLASS_UNKNOWN;
	hook.family = FAMILY_IPV6; /* nothing of IPv6 is dropped */
	assert_string_equal(problem(&host, 0, in_filter), "");
	hook.ingress = true;
	assert_string_equal(problem(&host, 0, in_raw), "earlier-hook");
}

/* Whose rules weir drops by decides whose chains are the others'. */
static void for_applied_rules_those_of_iptables_are_foreign(void **state)
{
	struct hook_entry hooks[2] = {{.family = FAMILY_IPV4,
				       .place = HOOK_PREROUTING,
				       .priority = -300,
				       .class = HOOK_CLASS_APPLIED,
				       .name = "nft chain ip weir raw-PREROUTING"},
				      {.family = FAMILY_IPV4,
				       .place = HOOK_PREROUTING,
				       .priority = -300,
				       .class = HOOK_CLASS_RULES,
				       .iptables = true,
				       .name = "table raw of iptables-legacy"}};
	struct host host = good_host();

	(void)state;
	host.hooks.list = hooks;
	host.hooks.count = 1;
	assert_string_equal(problem(&host, 0, in_raw), "earlier-hook");
	host.applied = true;
	assert_string_equal(problem(&host, 0, in_raw), "");
	host.hooks.count = 2;
	assert_string_equal(problem(&host, 0, in_raw), "earlier-hook");
	hooks[1].empty = true;
	assert_string_equal(problem(&host, 0, in_raw), "");
	host.applied = false;
	host.hooks.list = &hooks[1];
	host.hooks.count = 1;
	hooks[1].empty = false;
	assert_string_equal(problem(&host, 0, in_raw), "");
	/* the nat table of iptables: that it rewrites the region knows, not what else its rules do */
	hooks[1].class = HOOK_CLASS_NAT;
	hooks[1].priority = -100;
	host.applied = true;
	assert_string_equal(problem(&host, 0, in_raw), "");
	assert_string_equal(problem(&host, 0, in_filter), "earlier-hook");
	hooks[1].iptables = false; /* nf_nat itself */
	assert_string_equal(problem(&host, 0, in_filter), "");
	hooks[1].class = HOOK_CLASS_UNKNOWN;
	hooks[1].empty = true; /* somebody's chain without rules */
	assert_string_equal(problem(&host, 0, in_filter), "");
}

static void nat_is_never_taken_as_absent(void **state)
{
	struct host host = good_host();

	(void)state;
	assert_int_equal(host_nat(&host, FAMILY_IPV4), TRUTH_UNKNOWN);
	host.hooks.nat[FAMILY_IPV4] = true;
	assert_int_equal(host_nat(&host, FAMILY_IPV4), TRUTH_YES);
	assert_int_equal(host_nat(&host, FAMILY_IPV6), TRUTH_UNKNOWN);
}

static int set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return arena ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_plain_interface_is_fine),
	    cmocka_unit_test(other_devices_are_not),
	    cmocka_unit_test(devices_on_top),
	    cmocka_unit_test(programs_in_front),
	    cmocka_unit_test(hooks_matter_when_they_run_before_the_last_rule_that_drops),
	    cmocka_unit_test(for_applied_rules_those_of_iptables_are_foreign),
	    cmocka_unit_test(nat_is_never_taken_as_absent),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
