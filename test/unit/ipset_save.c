/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading ipset save. Faults as the user sees them are in test/golden/read/sets. */
#include "read/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct ruleset *load(const char *text)
{
	char path[] = "/tmp/weir-test-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	const char *paths[] = {path};
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	rules_load(paths, 1, sink, &ruleset);
	unlink(path);
	if (!ruleset) {
		struct buffer said = {0};
		diagnostics_print(sink, &said);
		print_message("%s", said.data);
		buffer_fini(&said);
	}
	diagnostics_free(sink);
	return ruleset;
}

static const struct set *set_of(const struct ruleset *ruleset, const char *name)
{
	assert_non_null(ruleset);
	const struct set *set = ruleset_find_set(ruleset, text_of(name));
	assert_non_null(set);
	return set;
}

static address v4(const char *text)
{
	address value = 0;
	assert_int_equal(address_parse(FAMILY_IPV4, text_of(text), &value), 0);
	return value;
}

static void reads_options_of_create(void **state)
{
	(void)state;
	struct ruleset *ruleset =
	    load("create a hash:ip family inet6 hashsize 2048 maxelem 9 timeout 60 counters comment "
		 "skbinfo forceadd bucketsize 12 initval 0x21346e01\n"
		 "create b hash:ip,port,net family inet\nadd b 192.0.2.1,tcp:80,192.0.2.0/24\n"
		 "create c hash:ip netmask 24\nadd c 192.0.2.77\n");
	const struct set *a = set_of(ruleset, "a"), *b = set_of(ruleset, "b"), *c = set_of(ruleset, "c");
	assert_int_equal(a->family, FAMILY_IPV6);
	assert_int_equal(a->hashsize, 2048);
	assert_int_equal(a->maxelem, 9);
	assert_int_equal(a->timeout, 60);
	assert_true(a->counters && a->comment && a->has_timeout && a->skbinfo && a->forceadd);
	assert_int_equal(a->netmask, 128);
	assert_int_equal(b->type, SET_OPAQUE);
	assert_int_equal(b->dimensions, 3);
	assert_int_equal(c->netmask, 24);
	assert_true(c->members[0].low == v4("192.0.2.0") && c->members[0].high == v4("192.0.2.255"));
	ruleset_free(ruleset);
}

static void reads_members(void **state)
{
	(void)state;
	struct ruleset *ruleset =
	    load("create a hash:ip timeout 60 counters comment\n"
		 "add a 192.0.2.1 timeout 0 packets 1 bytes 2 comment \"a b\\\"\n"
		 "add a 192.0.2.8/30\nadd a 192.0.2.9-192.0.2.20 timeout 5\n"
		 "create n hash:net\nadd n 10.0.0.0-10.0.0.6\nadd n 192.0.2.77/24 nomatch\n");
	const struct set *a = set_of(ruleset, "a"), *n = set_of(ruleset, "n");
	assert_int_equal(a->member_count, 3);
	assert_false(a->members[0].timed);
	assert_true(a->members[1].timed && a->members[1].timeout == 60);
	assert_true(a->members[1].high == v4("192.0.2.11"));
	assert_true(a->members[2].timeout == 5 && a->members[2].high == v4("192.0.2.20"));
	assert_int_equal(a->members[1].begin, strstr(a->source->data, "add a 192.0.2.8") - a->source->data);
	assert_int_equal(n->member_count, 4); /* /30, /31, /32 and the network */
	assert_int_equal(n->members[0].prefix, 30);
	assert_int_equal(n->members[2].prefix, 32);
	assert_true(n->members[3].nomatch && n->members[3].low == v4("192.0.2.0"));
	ruleset_free(ruleset);
}

static void reads_points(void **state)
{
	(void)state;
	struct ruleset *ruleset =
	    load("create p hash:ip,port\nadd p 192.0.2.0/31,udp:53-54\nadd p 192.0.2.1,80\n"
		 "add p 192.0.2.1,icmp:echo-request\nadd p 192.0.2.1,icmp:3/1\n"
		 "add p 192.0.2.1,gre:0\n");
	const struct set *p = set_of(ruleset, "p");
	assert_int_equal(p->member_count, 8);
	assert_int_equal(p->members[1].port, 54);
	assert_int_equal(p->members[1].protocol, 17);
	assert_int_equal(p->members[4].protocol, 6);
	assert_int_equal(p->members[5].port, 8 << 8);
	assert_int_equal(p->members[6].port, 3 << 8 | 1);
	assert_int_equal(p->members[7].protocol, 47);
	ruleset_free(ruleset);
}

static void last_add_counts_and_del_removes(void **state)
{
	(void)state;
	struct ruleset *ruleset = load("create a hash:ip timeout 0\nadd a 192.0.2.1\nadd a 192.0.2.2\n"
				       "add a 192.0.2.1 timeout 9 -exist\ndel a 192.0.2.2\nadd a 192.0.2.3\n"
				       "create f hash:net\nadd f 10.0.0.0/8\nflush f\nadd f 192.0.2.0/24\n"
				       "create -exist f hash:net\nCOMMIT\n");
	const struct set *a = set_of(ruleset, "a"), *f = set_of(ruleset, "f");
	assert_int_equal(a->member_count, 2);
	assert_int_equal(a->members[0].timeout, 9);
	assert_true(a->members[1].low == v4("192.0.2.3"));
	assert_int_equal(f->member_count, 1);
	ruleset_free(ruleset);
}

static void bounds_what_one_line_stands_for(void **state)
{
	(void)state;
	assert_null(load("create p hash:ip,port maxelem 4294967295\nadd p 192.0.0.0/11,tcp:80\n"));
	assert_null(load(
	    "create p hash:ip,port\nadd p 192.0.2.1,tcp:0-65535\nadd p 192.0.2.2,1\n")); /* 65536 is full */
	struct ruleset *ruleset = load("create h hash:ip maxelem 4294967295\nadd h 1.0.0.0-200.0.0.0\n");
	assert_int_equal(set_of(ruleset, "h")->member_count, 1);
	ruleset_free(ruleset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_options_of_create),
	    cmocka_unit_test(reads_members),
	    cmocka_unit_test(reads_points),
	    cmocka_unit_test(last_add_counts_and_del_removes),
	    cmocka_unit_test(bounds_what_one_line_stands_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
