/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the sets of a policy come to: their arithmetic, and list files. */
#include "policy_reading.h"

static const struct address_range self[] = {{0xc000020a, 0xc000020a}}; /* 192.0.2.10 */

/* --- Sets ------------------------------------------------------------------------------------------ */

static void overlaps_are_merged(void **state)
{
	(void)state;
	/* neighbours stay two, so that each keeps its counters */
	check_set("set x { 192.0.2.1, 192.0.2.0, 192.0.2.1 }\n", "x", "192.0.2.0, 192.0.2.1");
	check_set("set x { 192.0.2.64/26 \"b\", 192.0.2.0/24 \"a\", 192.0.2.255-192.0.3.5 }\n", "x",
		  "192.0.2.0-192.0.2.255 \"a\", 192.0.3.0-192.0.3.5");
	check_set("set x { 0.0.0.0/0; 255.255.255.255; ::/0; ffff:: }\n", "x",
		  "0.0.0.0-255.255.255.255, ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	check_set("set x { }\n", "x", "");
}

static void the_longer_lasting_one_counts(void **state)
{
	(void)state;
	check_set("set x { 192.0.2.0/24 until 1800000000; 192.0.2.128/25 \"for ever\" }\n", "x",
		  "192.0.2.0-192.0.2.127 until 1800000000, 192.0.2.128-192.0.2.255 \"for ever\"");
	check_set("set x { 192.0.2.0/24; 192.0.2.128/25 until 2026-12-01 }\n", "x", "192.0.2.0-192.0.2.255");
	check_set("set x { 192.0.2.0/30 until 1800000000; 192.0.2.1 until 1900000000 }\n", "x",
		  "192.0.2.0 until 1800000000, 192.0.2.1 until 1900000000, "
		  "192.0.2.2-192.0.2.3 until 1800000000");
	check_set("set x { 192.0.2.1 until 2026-01-01; 192.0.2.2 until 2026-12-01T12:00:00+01:00 }\n", "x",
		  "192.0.2.2 until 1796122800");
}

static void except_takes_off(void **state)
{
	(void)state;
	check_set("set x { 192.0.2.0/24; except 192.0.2.0, 192.0.2.7-192.0.2.8, 192.0.2.255\n }\n", "x",
		  "192.0.2.1-192.0.2.6, 192.0.2.9-192.0.2.254");
	check_set(
	    "set x { except @y; @z }\nset y { 192.0.2.128/25 }\nset z { 192.0.2.0/24, 2001:db8::/126 }\n",
	    "x", "192.0.2.0-192.0.2.127, 2001:db8::-2001:db8::3");
	check_set("set x { 8.0.0.0/6 except private }\n", "x",
		  "8.0.0.0-9.255.255.255, 11.0.0.0-11.255.255.255");
	check_set("set x { 0.0.0.0/0 except 0.0.0.0/0 }\n", "x", "");
}

static void ports_are_a_part_of_members(void **state)
{
	(void)state;
	check_set(
	    "set x: address . port { 192.0.2.1 . tcp { 80, 443 } \"web\"; 192.0.2.2-192.0.2.3 . udp 53 }\n",
	    "x", "192.0.2.1 tcp 80 \"web\", 192.0.2.1 tcp 443 \"web\", 192.0.2.2-192.0.2.3 udp 53");
	check_set("set x : net . port { 192.0.2.0/24 . tcp 20-30, 192.0.2.7 . tcp 25-40 }\n", "x",
		  "192.0.2.0-192.0.2.255 tcp 20-24, 192.0.2.0-192.0.2.255 tcp 25-30, 192.0.2.7 tcp 31-40");
	check_set("set x : net . port { 192.0.2.0/30 . tcp 80-81 except @y, 192.0.2.3 }\n"
		  "set y : net . port { 192.0.2.1 . tcp 81, 192.0.2.0 . udp 80 }\n",
		  "x", "192.0.2.0-192.0.2.2 tcp 80, 192.0.2.0 tcp 81, 192.0.2.2 tcp 81");
	check_set("set x : net . port { 192.0.2.1 . tcp 0-65535 }\n", "x", "192.0.2.1 tcp 0-65535");
}

static void self_is_known_or_is_not(void **state)
{
	(void)state;
	struct policy_options options = options_here();
	options.self_known = true;
	options.self[FAMILY_IPV4] = self;
	options.self_count[FAMILY_IPV4] = 1;
	struct reading reading =
	    read_with("set x { 192.0.2.8/30 except self }\nset y { self, 192.0.2.9 }\n", &options);
	struct buffer out = {0};
	assert_non_null(reading.tree);
	print_elements(set_of(&reading, "x"), &out);
	assert_string_equal(out.data, "192.0.2.8-192.0.2.9, 192.0.2.11");
	out.size = 0;
	print_elements(set_of(&reading, "y"), &out);
	assert_string_equal(out.data, "192.0.2.9, 192.0.2.10");
	buffer_fini(&out);
	reading_free(&reading);
	check_set("set x { 192.0.2.8/30 except self }\n", "x", "192.0.2.8-192.0.2.11 less self");
	check_set("set x { self, 192.0.2.1 }\n", "x", "192.0.2.1 and self");
	check_set("set x { self; except self }\n", "x", " less self");
	check_set("set x { @y }\nset y { self }\n", "x", " and self");
	check_set("set x { 192.0.2.1 except @y }\nset y { self }\n", "x", "192.0.2.1 less self");
	check_refused("set x { @y }\nset y { 192.0.2.1 except self }\n", "error[self-unknown]");
	check_refused("set x { self; except 192.0.2.1 }\n", "error[self-unknown]");
}

static void sets_of_sets_end(void **state)
{
	(void)state;
	check_refused("set a { @b }\nset b { @a }\n", "error[set-loop]: the set b is made of itself");
	check_refused("set a { except @a }\n", "error[set-loop]: the set a is made of itself");
	struct buffer text = {0};
	for (int i = 0; i < 100; i++)
		buffer_printf(&text, "set s%d { @s%d }\n", i, i + 1);
	buffer_puts(&text, "set s100 { 192.0.2.1 }\n");
	check_refused(text.data, "error[set-depth]");
	buffer_fini(&text);
}

/* Sets of few addresses and ports against a table of all of them. */
#define MODEL_ADDRESSES 64
#define MODEL_PORTS 12

struct model {
	uint32_t until[MODEL_ADDRESSES][MODEL_PORTS]; /* 0: not in it */
};

static unsigned draw(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % below;
}

static void draw_elements(unsigned *seed, struct arena *arena, struct policy_elements *elements, bool ports,
			  struct model *model)
{
	unsigned count = draw(seed, 12);
	for (unsigned i = 0; i < count; i++) {
		struct policy_element *element =
		    arena_push(arena, (void **)&elements->elements, &elements->count, &elements->capacity,
			       sizeof(*element));
		unsigned low = draw(seed, MODEL_ADDRESSES), port = draw(seed, MODEL_PORTS);
		assert_non_null(element);
		element->low = low;
		element->high = low + draw(seed, MODEL_ADDRESSES - low);
		element->expires = draw(seed, 3) ? 0 : 1 + draw(seed, 5);
		element->protocol = ports ? 6 : 0;
		element->port_low = ports ? (uint16_t)port : 0;
		element->port_high = ports ? (uint16_t)(port + draw(seed, MODEL_PORTS - port)) : 0;
		element->begin = i;
		uint32_t until = element->expires ? element->expires : UINT32_MAX;
		for (address a = element->low; a <= element->high; a++)
			for (unsigned p = element->port_low; p <= element->port_high; p++)
				if (model->until[a][p] < until)
					model->until[a][p] = until;
	}
}

/* Disjoint, in order, and what the model has. */
static void check_model(const struct policy_elements *elements, const struct model *model)
{
	struct model found = {0};
	for (size_t i = 0; i < elements->count; i++) {
		const struct policy_element *element = &elements->elements[i];
		const struct policy_element *before = i ? element - 1 : NULL;
		assert_true(!before || before->port_low < element->port_low ||
			    (before->port_low == element->port_low && before->high < element->low));
		for (address a = element->low; a <= element->high; a++)
			for (unsigned p = element->port_low; p <= element->port_high; p++) {
				assert_int_equal(found.until[a][p], 0);
				found.until[a][p] = element->expires ? element->expires : UINT32_MAX;
			}
	}
	assert_memory_equal(&found, model, sizeof(found));
}

static void arithmetic_is_exact(void **state)
{
	(void)state;
	unsigned seed = 20261122;
	print_message("# seed %u\n", seed);
	for (int round = 0; round < 3000; round++) {
		struct arena *arena = arena_new();
		struct model a_model = {0}, b_model = {0};
		struct policy_elements a = {0}, b = {0};
		bool ports = draw(&seed, 2), b_ports = ports && draw(&seed, 2);
		assert_non_null(arena);
		draw_elements(&seed, arena, &a, ports, &a_model);
		draw_elements(&seed, arena, &b, b_ports, &b_model);
		assert_int_equal(policy_elements_merge(arena, FAMILY_IPV4, &a), 0);
		assert_int_equal(policy_elements_merge(arena, FAMILY_IPV4, &b), 0);
		check_model(&a, &a_model);
		check_model(&b, &b_model);
		address low = draw(&seed, MODEL_ADDRESSES), high = low + draw(&seed, 4);
		bool meets = false;
		for (address i = low; i <= high && i < MODEL_ADDRESSES; i++)
			for (unsigned p = 0; p < MODEL_PORTS; p++)
				meets |= b_model.until[i][p] != 0;
		assert_int_equal(policy_elements_meet(&b, (struct address_range){low, high}) != NULL, meets);
		assert_int_equal(policy_elements_subtract(arena, &a, &b), 0);
		for (unsigned i = 0; i < MODEL_ADDRESSES; i++)
			for (unsigned p = 0; p < MODEL_PORTS; p++)
				if (b_model.until[i][b_ports ? p : 0])
					a_model.until[i][p] = 0;
		check_model(&a, &a_model);
		arena_free(arena);
	}
}

static void ranges_become_prefixes(void **state)
{
	(void)state;
	address end;
	assert_int_equal(policy_prefix(FAMILY_IPV4, 0, UINT32_MAX, &end), 0);
	assert_true(end == UINT32_MAX);
	assert_int_equal(policy_prefix(FAMILY_IPV4, 1, 8, &end), 32);
	assert_int_equal(policy_prefix(FAMILY_IPV4, 2, 8, &end), 31);
	assert_true(end == 3);
	assert_int_equal(policy_prefix(FAMILY_IPV4, 8, 8, &end), 32);
	assert_int_equal(policy_prefix(FAMILY_IPV6, 0, ~(address)0, &end), 0);
	assert_true(end == ~(address)0);
	assert_int_equal(policy_prefix(FAMILY_IPV6, ~(address)0, ~(address)0, &end), 128);
}

/* --- List files ------------------------------------------------------------------------------------ */

/* What a list comes to; or, behind "!", what is said of it. */
static void check_list(const char *text, enum policy_set_type type, enum policy_format format,
		       const char *expected)
{
	struct arena *arena = arena_new();
	struct diagnostics *sink = diagnostics_new();
	struct policy_list_result list = {0};
	struct policy_set set = {.type = type};
	struct buffer out = {0};
	assert_true(arena && sink);
	struct source *source = source_new(arena, "list", text, strlen(text));
	int result = policy_list_read(arena, sink, source, 1, type, format, 1795000000, &list);
	if (expected[0] == '!') {
		assert_int_equal(result, -EINVAL);
		diagnostics_print(sink, &out);
		if (!strstr(out.data, expected + 1))
			print_message("%s\n", out.data);
		assert_non_null(strstr(out.data, expected + 1));
	} else {
		assert_int_equal(result, 0);
		memcpy(set.elements, list.elements, sizeof(set.elements));
		print_elements(&set, &out);
		assert_string_equal(out.data ? out.data : "", expected);
	}
	buffer_fini(&out);
	diagnostics_free(sink);
	arena_free(arena);
}

static void lists_of_text(void **state)
{
	(void)state;
	check_list("\n# a\n ; b\n192.0.2.1\r\n  192.0.2.0/30\t; x\n192.0.2.5-192.0.2.6#y\n2001:db8::1",
		   POLICY_SET_NET, POLICY_FORMAT_PLAIN,
		   "192.0.2.1, 192.0.2.0-192.0.2.3 \"x\", 192.0.2.5-192.0.2.6 \"y\", 2001:db8::1");
	check_list("192.0.2.1 \"a # b\" until 1900000000 # c\n192.0.2.2 until 2020-01-01\n192.0.2.3 until "
		   "2036-02-29\n",
		   POLICY_SET_ADDRESS, POLICY_FORMAT_PLAIN,
		   "192.0.2.1 \"a # b\" until 1900000000, 192.0.2.3 until 2087856000");
	check_list("192.0.2.1 . tcp 80\n192.0.2.1,udp:53-54 # dns\n2001:db8::1 . TCP 443\n",
		   POLICY_SET_ADDRESS_PORT, POLICY_FORMAT_PLAIN,
		   "192.0.2.1 tcp 80, 192.0.2.1 udp 53-54 \"dns\", 2001:db8::1 tcp 443");
	check_list("192.0.2.1 # say \"no\"\n", POLICY_SET_NET, POLICY_FORMAT_NETSET,
		   "192.0.2.1 \"say 'no'\"");
	check_list("192.0.2.1/24\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN, "192.0.2.0-192.0.2.255");
	check_list("", POLICY_SET_NET, POLICY_FORMAT_PLAIN, "");
}

static void lists_of_json(void **state)
{
	(void)state;
	check_list("{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\",\"rir\":\"x\"}\n192.0.2.7\n"
		   "{\"address\": \"2001:db8::1\", \"comment\": \"c\", \"expires\": 1900000000}\n"
		   "{\"address\": \"192.0.2.9\", \"expires\": \"2020-01-01T00:00:00Z\"}\n"
		   "{\"type\":\"metadata\",\"timestamp\":1}\n",
		   POLICY_SET_NET, POLICY_FORMAT_PLAIN,
		   "192.0.2.0-192.0.2.255 \"SBL1\", 192.0.2.7, 2001:db8::1 \"c\" until 1900000000");
	check_list("{\"address\":\"192.0.2.1\",\"port\":443,\"protocol\":\"tcp\"}", POLICY_SET_ADDRESS_PORT,
		   POLICY_FORMAT_PLAIN, "192.0.2.1 tcp 443");
	check_list("{\"cidr\":\"192.0.2.0/24\"", POLICY_SET_NET, POLICY_FORMAT_PLAIN,
		   "!does not end on its line");
	check_list("{\"cidr\":\"192.0.2.0/24\"} x", POLICY_SET_NET, POLICY_FORMAT_PLAIN, "!error[bad-json]");
	check_list("{\"cidr\":[1]}", POLICY_SET_NET, POLICY_FORMAT_PLAIN,
		   "!neither \"cidr\" nor \"address\"");
	check_list("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}",
		   POLICY_SET_NET, POLICY_FORMAT_PLAIN, "!error[bad-json]");
	check_list("{\"cidr\":\"192.0.2.0/24\",\"expires\":\"soon\"}", POLICY_SET_NET, POLICY_FORMAT_PLAIN,
		   "!error[bad-time]");
	check_list("{\"cidr\":\"192.0.2.0/24\",\"expires\":1.9e9}", POLICY_SET_NET, POLICY_FORMAT_PLAIN,
		   "!error[bad-time]");
	check_list("{\"cidr\":\"192.0.2.0/24\",\"expires\":null}", POLICY_SET_NET, POLICY_FORMAT_PLAIN,
		   "192.0.2.0-192.0.2.255");
	check_list("192.0.2.1\n", POLICY_SET_NET, POLICY_FORMAT_SPAMHAUS, "!error[not-json]");
}

static void wrong_lines_of_lists(void **state)
{
	(void)state;
	check_list("192.0.2.1\n192.0.2.256\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN,
		   "!list:2:1: error[bad-address]: 192.0.2.256 is no address");
	/* octal to some programs, decimal to others */
	check_list("010.0.0.1\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN, "!error[bad-address]");
	check_list("192.0.2.0/33\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN, "!from 0 to 32");
	check_list("2001:db8::/129\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN, "!from 0 to 128");
	check_list("192.0.2.1-2001:db8::1\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN, "!of one family and ends");
	check_list("192.0.2.1 x\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN,
		   "!list:1:11: error[unexpected-word]");
	check_list("192.0.2.1 until 2026-02-29\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN, "!error[bad-time]");
	check_list("192.0.2.1 until 2026-02-28T25:00\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN,
		   "!error[bad-time]");
	check_list("192.0.2.1 \"a\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN, "!no closing quote");
	check_list("192.0.2.1 . tcp 80\n", POLICY_SET_NET, POLICY_FORMAT_PLAIN, "!error[no-ports]");
	check_list("192.0.2.1\n", POLICY_SET_NET_PORT, POLICY_FORMAT_PLAIN, "!error[no-port]");
	check_list("192.0.2.1 . icmp 8\n", POLICY_SET_NET_PORT, POLICY_FORMAT_PLAIN, "!error[bad-protocol]");
	check_list("192.0.2.1,tcp\n", POLICY_SET_NET_PORT, POLICY_FORMAT_PLAIN, "!error[bad-port]");
	check_list("10.0.0.0/8\n", POLICY_SET_ADDRESS, POLICY_FORMAT_PLAIN, "!more than 65536 addresses");
	check_list("<html>\n", POLICY_SET_NET, POLICY_FORMAT_NETSET, "!error[bad-address]");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(overlaps_are_merged),     cmocka_unit_test(the_longer_lasting_one_counts),
	    cmocka_unit_test(except_takes_off),        cmocka_unit_test(ports_are_a_part_of_members),
	    cmocka_unit_test(self_is_known_or_is_not), cmocka_unit_test(sets_of_sets_end),
	    cmocka_unit_test(arithmetic_is_exact),     cmocka_unit_test(ranges_become_prefixes),
	    cmocka_unit_test(lists_of_text),           cmocka_unit_test(lists_of_json),
	    cmocka_unit_test(wrong_lines_of_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
