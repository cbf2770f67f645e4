/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading ipset save and ipset restore, and printing what was read. Faults as the user sees them are in
 * test/golden/read/sets. */
#include "read/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* NULL when it is refused; what is said of it goes into `said` when that is not NULL. */
static struct ruleset *load_saying(const char *text, struct buffer *said)
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
	if (said)
		diagnostics_print(sink, said);
	diagnostics_free(sink);
	return ruleset;
}

static struct ruleset *load(const char *text)
{
	struct buffer said = {0};
	struct ruleset *ruleset = load_saying(text, &said);
	if (!ruleset)
		print_message("%s\n", said.data);
	buffer_fini(&said);
	return ruleset;
}

static const struct set *set_of(const struct ruleset *ruleset, const char *name)
{
	assert_non_null(ruleset);
	const struct set *set = ruleset_find_set(ruleset, text_of(name));
	assert_non_null(set);
	return set;
}

static struct set_member member_of(const struct set *set, size_t index)
{
	struct set_member member;
	assert_true(index < set->member_count);
	set_member_get(set, index, &member);
	return member;
}

static address v4(const char *text)
{
	address value = 0;
	assert_int_equal(address_parse(FAMILY_IPV4, text_of(text), &value), 0);
	return value;
}

/* What ipset 7.17 saves, with kernel 6.18, after it restored `restored`; initval as given. */
static void check_saved(const char *restored, const char *saved)
{
	struct buffer out = {0};
	struct ruleset *ruleset = load(restored);
	assert_non_null(ruleset);
	ruleset_print_sets(ruleset, &out);
	assert_string_equal(out.data ? out.data : "", saved);
	buffer_fini(&out);
	ruleset_free(ruleset);
	ruleset = load(saved); /* and what is saved is read as the same */
	assert_non_null(ruleset);
	ruleset_print_sets(ruleset, &out);
	assert_string_equal(out.data ? out.data : "", saved);
	buffer_fini(&out);
	ruleset_free(ruleset);
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
	assert_int_equal(a->initval, 0x21346e01);
	assert_int_equal(b->type, SET_HASH_IP_PORT_NET);
	assert_int_equal(b->dimensions, 3);
	assert_int_equal(c->netmask, 24);
	struct set_member member = member_of(c, 0);
	assert_true(member.low == v4("192.0.2.0") && member.high == v4("192.0.2.255"));
	ruleset_free(ruleset);
}

static void reads_members(void **state)
{
	(void)state;
	struct ruleset *ruleset =
	    load("create a hash:ip timeout 60 counters comment\n"
		 "add a 192.0.2.1 timeout 0 packets 1 bytes 2 comment \"a b\\\"\n"
		 "add a 192.0.2.8/30\nadd a 192.0.2.11-192.0.2.12 timeout 5\n"
		 "create n hash:net\nadd n 10.0.0.0-10.0.0.6\nadd n 192.0.2.77/24 nomatch  \n");
	const struct set *a = set_of(ruleset, "a"), *n = set_of(ruleset, "n");
	struct set_member member = member_of(a, 0);
	assert_int_equal(a->member_count, 6); /* each address is one; 192.0.2.11 was added again */
	assert_false(member.timed);
	assert_true(member.packets == 1 && member.bytes == 2);
	assert_string_equal(member.comment, "a b\\");
	member = member_of(a, 1);
	assert_true(member.timed && member.timeout == 60 && member.low == v4("192.0.2.8"));
	assert_int_equal(member.begin, strstr(a->source->data, "add a 192.0.2.8") - a->source->data);
	member = member_of(a, 4);
	assert_true(member.timeout == 5 && member.high == v4("192.0.2.11"));
	assert_int_equal(n->member_count, 4); /* /30, /31, /32 and the network */
	assert_int_equal(member_of(n, 0).prefix, 30);
	assert_int_equal(member_of(n, 2).prefix, 32);
	member = member_of(n, 3);
	assert_true(member.nomatch && member.low == v4("192.0.2.0"));
	struct text line = span_text(set_member_span(n, &member));
	assert_true(text_is(line, "add n 192.0.2.77/24 nomatch"));
	ruleset_free(ruleset);
}

static void reads_points(void **state)
{
	(void)state;
	struct ruleset *ruleset =
	    load("create p hash:ip,port\nadd p 192.0.2.0/31,udp:53-54\nadd p 192.0.2.1,80\n"
		 "add p 192.0.2.1,icmp:echo-request\nadd p 192.0.2.1,icmp:3/1\n"
		 "add p 192.0.2.1,gre:0\nadd p 192.0.2.1,[ftp-data]\n");
	const struct set *p = set_of(ruleset, "p");
	assert_int_equal(p->member_count, 9);
	assert_int_equal(member_of(p, 1).port, 54);
	assert_int_equal(member_of(p, 1).protocol, 17);
	assert_int_equal(member_of(p, 4).protocol, 6);
	assert_int_equal(member_of(p, 5).port, 8 << 8);
	assert_int_equal(member_of(p, 6).port, 3 << 8 | 1);
	assert_int_equal(member_of(p, 7).protocol, 47);
	assert_int_equal(member_of(p, 8).port, 20);
	ruleset_free(ruleset);
}

static void last_add_counts_and_del_removes(void **state)
{
	(void)state;
	struct ruleset *ruleset = load(
	    "create a hash:ip timeout 0 counters comment\nadd a 192.0.2.1 packets 7 comment x\n"
	    "add a 192.0.2.2\n"
	    "add a 192.0.2.1 timeout 9 -exist\ndel a 192.0.2.2\ndel a 192.0.2.2 -exist\nadd a 192.0.2.3\n"
	    "create f hash:net\nadd f 10.0.0.0/8\nflush f\nadd f 192.0.2.0/24\n"
	    "create -exist f hash:net\nCOMMIT\n"
	    "create r hash:ip maxelem 8\nadd r 192.0.2.0/29\ndel r 192.0.2.2-192.0.2.4\nadd r 192.0.2.3\n");
	const struct set *a = set_of(ruleset, "a"), *f = set_of(ruleset, "f"), *r = set_of(ruleset, "r");
	assert_int_equal(a->member_count, 2);
	assert_int_equal(member_of(a, 0).timeout, 9);
	assert_int_equal(member_of(a, 0).packets, 7); /* counters stay, comments do not */
	assert_null(member_of(a, 0).comment);
	assert_true(member_of(a, 1).low == v4("192.0.2.3"));
	assert_int_equal(f->member_count, 1);
	assert_int_equal(r->member_count, 6);
	ruleset_free(ruleset);
}

static void commands_on_whole_sets(void **state)
{
	(void)state;
	struct ruleset *ruleset =
	    load("create a hash:ip\nadd a 192.0.2.1\ncreate b hash:ip maxelem 5\nadd b 192.0.2.2\n"
		 "create l list:set\nadd l a\n"
		 "swap a b\nadd a 192.0.2.3\nrename b c\nadd c 192.0.2.4\n"
		 "create gone hash:net\ndestroy gone\ncreate again hash:net\ntest a 192.0.2.9\nlist a\nsave\n"
		 "n short hash:ip\na short 192.0.2.1\nf short\nx short\n");
	const struct set *a = set_of(ruleset, "a"), *c = set_of(ruleset, "c"), *l = set_of(ruleset, "l");
	assert_int_equal(a->maxelem, 5);
	assert_true(member_of(a, 0).low == v4("192.0.2.2") && member_of(a, 1).low == v4("192.0.2.3"));
	assert_true(member_of(c, 0).low == v4("192.0.2.1") && member_of(c, 1).low == v4("192.0.2.4"));
	assert_ptr_equal(member_of(l, 0).set, a); /* lists hold what bears the name */
	assert_null(ruleset_find_set(ruleset, text_of("b")));
	assert_null(ruleset_find_set(ruleset, text_of("short")));
	assert_int_equal(ruleset->set_count, 4);
	assert_true(text_is(ruleset->sets[3]->name, "again")); /* in the place of what is gone */
	ruleset_free(ruleset);
	ruleset = load("create a hash:ip\ncreate b hash:ip\ndestroy a\ncreate c hash:ip\n");
	assert_true(text_is(ruleset->sets[0]->name, "c") && text_is(ruleset->sets[1]->name, "b"));
	ruleset_free(ruleset);
	ruleset = load("create a hash:ip\ndestroy\ncreate a hash:net\nflush\n");
	assert_int_equal(ruleset->set_count, 1);
	ruleset_free(ruleset);
}

static void lists_have_an_order(void **state)
{
	(void)state;
	check_saved(
	    "create a hash:ip initval 1\ncreate b hash:ip initval 2\ncreate c hash:ip initval 3\n"
	    "create l list:set size 2\nadd l a\nadd l b\nadd l c before b\n",
	    "create a hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x00000001\n"
	    "create b hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x00000002\n"
	    "create c hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x00000003\n"
	    "create l list:set size 4\nadd l a\nadd l c\nadd l b\n");
}

static void prints_as_ipset_saves(void **state)
{
	(void)state;
	static const struct {
		const char *restored, *saved;
	} cases[] = {
	    {"create a bitmap:ip range 192.0.2.77-192.0.2.1 netmask 28 timeout 600 counters comment skbinfo\n"
	     "add a 192.0.2.17 timeout 0 packets 5 comment \"a b\" skbmark 0x1/0xff skbprio 1:a skbqueue 7\n",
	     "create a bitmap:ip range 192.0.2.0-192.0.2.79 netmask 28 timeout 600 counters comment skbinfo\n"
	     "add a 192.0.2.16 timeout 0 packets 5 bytes 0 comment \"a b\" skbmark 0x1/0xff skbprio 1:a "
	     "skbqueue 7\n"},
	    {"create a macipmap --from 192.0.2.0 --to 192.0.2.9\nadd a 192.0.2.1\nadd a "
	     "192.0.2.2,0:1:2:a:b:c\n",
	     "create a bitmap:ip,mac range 192.0.2.0-192.0.2.9\nadd a 192.0.2.1\nadd a "
	     "192.0.2.2,00:01:02:0A:0B:0C\n"},
	    {"create a bitmap:port range udp:90-80\nadd a 82-81\n",
	     "create a bitmap:port range 80-90\nadd a 81\nadd a 82\n"},
	    {"create a hash:ip hashsize 100 maxelem 7 netmask 24 timeout 9 counters comment skbinfo forceadd "
	     "bucketsize 3 initval 0x12\nadd a 192.0.2.77-192.0.3.0 skbmark 0x0\n",
	     "create a hash:ip family inet hashsize 128 maxelem 7 netmask 24 timeout 9 counters comment "
	     "skbinfo "
	     "bucketsize 4 initval 0x00000012\nadd a 192.0.2.0 timeout 9 packets 0 bytes 0 skbmark 0x0\n"
	     "add a 192.0.3.0 timeout 9 packets 0 bytes 0 skbmark 0x0\n"},
	    {"create a hash:ip family inet6 bitmask ffff::ff\nadd a 2001:db8::1\n",
	     "create a hash:ip family inet6 hashsize 1024 maxelem 65536 bitmask ffff::ff bucketsize 12\n"
	     "add a 2001::1\n"},
	    {"create a hash:mac\nadd a 02:00:00:00:00:1a\n",
	     "create a hash:mac hashsize 1024 maxelem 65536 bucketsize 12\nadd a 02:00:00:00:00:1A\n"},
	    {"create a hash:ip,mac\nadd a 192.0.2.1,02:00:00:00:00:01\n",
	     "create a hash:ip,mac family inet hashsize 1024 maxelem 65536 bucketsize 12\n"
	     "add a 192.0.2.1,02:00:00:00:00:01\n"},
	    {"create a hash:ip,mark markmask 0xff\nadd a 192.0.2.0/31,0xf12\n",
	     "create a hash:ip,mark family inet markmask 0x000000ff hashsize 1024 maxelem 65536 bucketsize "
	     "12\n"
	     "add a 192.0.2.0,0x00000012\nadd a 192.0.2.1,0x00000012\n"},
	    {"create a hash:ip,port netmask 24\nadd a 192.0.2.9,icmp:8/0\nadd a 192.0.2.9,253:0\nadd a "
	     "192.0.2.9,UDP:5\n",
	     "create a hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 netmask 24\n"
	     "add a 192.0.2.0,icmp:echo-request\nadd a 192.0.2.0,253:0\nadd a 192.0.2.0,udp:5\n"},
	    {"create a hash:ip,port,ip\nadd a 192.0.2.1,80,198.51.100.1\n",
	     "create a hash:ip,port,ip family inet hashsize 1024 maxelem 65536 bucketsize 12\n"
	     "add a 192.0.2.1,tcp:80,198.51.100.1\n"},
	    {"create a hash:ip,port,net\nadd a 192.0.2.1,80,198.51.100.9/24 nomatch\n",
	     "create a hash:ip,port,net family inet hashsize 1024 maxelem 65536 bucketsize 12\n"
	     "add a 192.0.2.1,tcp:80,198.51.100.0/24 nomatch\n"},
	    {"create a hash:net family inet6 timeout 0\nadd a 2001:db8::5/32 timeout 7 nomatch\n",
	     "create a hash:net family inet6 hashsize 1024 maxelem 65536 timeout 0 bucketsize 12\n"
	     "add a 2001:db8::/32 timeout 7 nomatch\n"},
	    {"create a hash:net,net\nadd a 192.0.2.0/24,198.51.100.0-198.51.100.2\n",
	     "create a hash:net,net family inet hashsize 1024 maxelem 65536 bucketsize 12\n"
	     "add a 192.0.2.0/24,198.51.100.0/31\nadd a 192.0.2.0/24,198.51.100.2\n"},
	    {"create a hash:net,port\nadd a 192.0.2.0/24,80-81\n",
	     "create a hash:net,port family inet hashsize 1024 maxelem 65536 bucketsize 12\n"
	     "add a 192.0.2.0/24,tcp:80\nadd a 192.0.2.0/24,tcp:81\n"},
	    {"create a hash:net,port,net\nadd a 192.0.2.0/24,udp:53,198.51.100.1\n",
	     "create a hash:net,port,net family inet hashsize 1024 maxelem 65536 bucketsize 12\n"
	     "add a 192.0.2.0/24,udp:53,198.51.100.1\n"},
	    {"create a hash:net,iface timeout 5 counters\nadd a 0.0.0.0/0,physdev:eth1\n"
	     "add a 192.0.2.1,lan wildcard nomatch timeout 3\nadd a \"192.0.2.2,a b\"\n",
	     "create a hash:net,iface family inet hashsize 1024 maxelem 65536 timeout 5 counters bucketsize "
	     "12\n"
	     "add a 0.0.0.0/0,physdev:eth1 timeout 5 packets 0 bytes 0\n"
	     "add a 192.0.2.1,lan timeout 3 nomatch wildcard packets 0 bytes 0\n"
	     "add a 192.0.2.2,a b timeout 5 packets 0 bytes 0\n"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases) - 1; i++)
		check_saved(cases[i].restored, cases[i].saved);
	/* ipset save writes no quotes around an interface's name, and cannot read that back: nor do we. */
	struct buffer out = {0};
	struct ruleset *ruleset = load(cases[sizeof(cases) / sizeof(*cases) - 1].restored);
	assert_non_null(ruleset);
	ruleset_print_sets(ruleset, &out);
	assert_string_equal(out.data, cases[sizeof(cases) / sizeof(*cases) - 1].saved);
	buffer_fini(&out);
	ruleset_free(ruleset);
}

/* Each of them ipset 7.17 or kernel 6.18 refuses, too. */
static void refuses_what_ipset_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *code;
	} cases[] = {
	    {"create a hash:ip range 192.0.2.0/24\n", "unknown-option"},
	    {"create a hash:net netmask 24\n", "unknown-option"},
	    {"create a list:set family inet\n", "unknown-option"},
	    {"create a bitmap:ip range 192.0.2.0/24 hashsize 64\n", "unknown-option"},
	    {"create a bitmap:ip\n", "missing-option"},
	    {"create a bitmap:ip range 192.0.2.5\n", "bad-range"},
	    {"create a bitmap:ip range 192.0.2.5/32\n", "bad-range"},
	    {"create a bitmap:ip range 10.0.0.0/15\n", "bad-range"},
	    {"create a bitmap:ip range 192.0.2.0/28 netmask 28\n", "bad-range"},
	    {"create a bitmap:ip range 0.0.0.0/0 netmask 17\n", "bad-range"},
	    {"create a bitmap:port range 80\n", "bad-range"},
	    {"create a bitmap:port range icmp:1-2\n", "bad-member"},
	    {"create a hash:ip netmask 0\n", "bad-number"},
	    {"create a hash:ip bitmask 0.0.0.0\n", "bad-mask"},
	    {"create a hash:ip netmask 24 bitmask 255.0.0.0\n", "conflicting-options"},
	    {"create a hash:ip bucketsize 256\n", "bad-number"},
	    {"create a hash:ip timeout 2147484\n", "bad-number"},
	    {"create a hash:ip hashsize 8 hashsize 9\n", "duplicate-option"},
	    {"create a hash:ip -4 -6\n", "duplicate-option"},
	    {"create a hash:ip family any\n", "bad-family"},
	    {"create a hash:ip,mark markmask 0\n", "bad-number"},
	    {"create a hash:ip maxelem 0\nadd a 192.0.2.1\n", "set-full"},
	    {"create a hash:ip\ncreate -exist a hash:ip maxelem 5\n", "duplicate-set"},
	    {"create a hash:ip\nadd a 192.0.2.1 nomatch\n", "unknown-option"},
	    {"create a hash:ip\nadd a 192.0.2.1 wildcard\n", "unknown-option"},
	    {"create a hash:ip\nadd a 192.0.2.1 skbqueue 0\n", "unknown-option"},
	    {"create a hash:ip counters\nadd a 192.0.2.1 packets 18446744073709551615\n", "bad-number"},
	    {"create a hash:ip skbinfo\nadd a 192.0.2.1 skbmark 5\n", "bad-value"},
	    {"create a hash:ip skbinfo\nadd a 192.0.2.1 skbprio 1\n", "bad-value"},
	    {"create a hash:ip comment\nadd a 192.0.2.1 comment \"\"\n", "missing-argument"},
	    {"create a hash:ip comment\nadd a 192.0.2.1 comment \"x\n", "unterminated-quote"},
	    {"create a hash:ip timeout 0\nadd a 192.0.2.1 timeout 1 timeout 2\n", "duplicate-option"},
	    {"create a hash:ip family inet6\nadd a 2001:db8::/64\n", "bad-member"},
	    {"create a hash:ip family inet6\nadd a 2001:db8::1-2001:db8::2\n", "bad-member"},
	    {"create a hash:net\nadd a 0.0.0.0/0\n", "bad-member"},
	    {"create a hash:net\nadd a 0.0.0.0-255.255.255.255\n", "bad-member"},
	    {"create a bitmap:ip range 192.0.2.0/24\nadd a 192.0.2.250-192.0.3.1\n", "out-of-range"},
	    {"create a bitmap:port range 80-90\nadd a 91\n", "bad-member"},
	    {"create a hash:mac\nadd a 00:00:00:00:00:00\n", "bad-member"},
	    {"create a hash:ip,mac\nadd a 192.0.2.0/31,02:00:00:00:00:01\n", "bad-member"},
	    {"create a hash:ip,port\nadd a 192.0.2.1,gre:1\n", "bad-member"},
	    {"create a hash:ip,port,ip\nadd a 192.0.2.1,80,198.51.100.0/31\n", "bad-member"},
	    {"create a hash:ip,port,ip\nadd a 192.0.2.1,80\n", "bad-member"},
	    {"create a hash:net,iface\nadd a 192.0.2.1,abcdefghijklmnop\n", "bad-member"},
	    {"create a hash:net,net\nadd a 192.0.2.1,0.0.0.0/0\n", "bad-member"},
	    {"create a list:set\nadd a b\n", "unknown-set"},
	    {"create a list:set\ncreate b list:set\nadd a b\n", "list-in-list"},
	    {"create b hash:ip\ncreate a list:set\nadd a b before b\n", "not-a-member"},
	    {"create b hash:ip\ncreate a list:set\nadd a b\ndestroy b\n", "set-in-use"},
	    {"create b hash:ip\ncreate a list:set\nadd a b\nrename b c\n", "set-in-use"},
	    {"create b hash:ip\ncreate a list:set\nadd a b\ndestroy\n", "set-in-use"},
	    {"create a hash:ip\ncreate b hash:net\nswap a b\n", "wrong-type"},
	    {"create a hash:ip\ncreate b hash:ip family inet6\nswap a b\n", "wrong-type"},
	    {"create a hash:ip\ncreate b hash:ip\nrename a b\n", "duplicate-set"},
	    {"create a hash:ip\ndel a 192.0.2.1\n", "not-a-member"},
	    {"create a hash:ip\nflush a b\n", "unknown-option"},
	    {"create a hash:ip\nrestore\n", "unsupported-command"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buffer said = {0};
		char code[64];
		struct ruleset *ruleset = load_saying(cases[i].text, &said);
		snprintf(code, sizeof(code), "error[%s]", cases[i].code);
		if (ruleset || !said.data || !strstr(said.data, code))
			fail_msg("%sexpected %s, got: %s", cases[i].text, code,
				 said.data ? said.data : "no error");
		buffer_fini(&said);
	}
}

static void bounds_what_lines_stand_for(void **state)
{
	(void)state;
	assert_null(load("create p hash:ip,port maxelem 4294967295\nadd p 192.0.0.0/7,tcp:80\n"));
	assert_null(load("create p hash:ip,port maxelem 4294967295\nadd p 192.0.0.0/16,tcp:0-65535\n"));
	assert_null(load(
	    "create p hash:ip,port\nadd p 192.0.2.1,tcp:0-65535\nadd p 192.0.2.2,1\n")); /* 65536 is full */
	assert_null(load("create h hash:ip maxelem 4294967295\nadd h 1.0.0.0-200.0.0.0\n"));
	struct ruleset *ruleset = load("create h hash:net\nadd h 1.0.0.0-200.0.0.0\n");
	assert_true(set_of(ruleset, "h")->member_count < 62);
	ruleset_free(ruleset);
}

/* What would take hours: thousands of sets, gone through by each of thousands of lines. */
static void bounds_commands_on_all_sets(void **state)
{
	static const struct {
		int sets, commands;
		const char *first, *command;
		bool taken;
	} cases[] = {
	    {1000, 1000, "", "flush\n", true},
	    {5000, 5000, "", "flush\n", false},
	    {5000, 5000, "create l list:set\nadd l s4999\n", "destroy\n", false},
	    {1000, 1000, "", "destroy s0\ncreate s0 hash:ip\n", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buffer text = {0}, said = {0};
		for (int k = 0; k < cases[i].sets; k++)
			buffer_printf(&text, "create s%d hash:ip\n", k);
		buffer_puts(&text, cases[i].first);
		for (int k = 0; k < cases[i].commands; k++)
			buffer_puts(&text, cases[i].command);
		struct ruleset *ruleset = load_saying(text.data, &said);
		assert_int_equal(ruleset != NULL, cases[i].taken);
		if (ruleset)
			ruleset_free(ruleset);
		/* Each destroy that is refused is told, too: twenty of them are shown. */
		else if (!strstr(cases[i].command, "destroy"))
			assert_non_null(strstr(said.data, "error[too-many-edits]"));
		buffer_fini(&said);
		buffer_fini(&text);
	}
}

/* A member of hash:ip takes 9 bytes, of hash:ip,port 12, and what is read besides them little. */
static void members_are_packed(void **state)
{
	(void)state;
	struct ruleset *ruleset =
	    load("create a hash:ip\ncreate p hash:ip,port\ncreate s hash:net family inet6\n");
	assert_int_equal(set_of(ruleset, "a")->layout.stride, 9);
	assert_int_equal(set_of(ruleset, "p")->layout.stride, 12);
	assert_int_equal(set_of(ruleset, "s")->layout.stride, 22);
	ruleset_free(ruleset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_options_of_create),
	    cmocka_unit_test(reads_members),
	    cmocka_unit_test(reads_points),
	    cmocka_unit_test(last_add_counts_and_del_removes),
	    cmocka_unit_test(commands_on_whole_sets),
	    cmocka_unit_test(lists_have_an_order),
	    cmocka_unit_test(prints_as_ipset_saves),
	    cmocka_unit_test(refuses_what_ipset_refuses),
	    cmocka_unit_test(bounds_what_lines_stand_for),
	    cmocka_unit_test(bounds_commands_on_all_sets),
	    cmocka_unit_test(members_are_packed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
