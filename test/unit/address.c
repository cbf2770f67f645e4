/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packet/address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define V6(high, low) ((address)(high) << 64 | (low))

static void test_parse_and_print(void **context)
{
	(void)context;
	static const struct {
		enum family family;
		const char *text, *printed;
		address value;
	} cases[] = {
	    {FAMILY_IPV4, "192.0.2.1", NULL, 0xc0000201},
	    {FAMILY_IPV4, "0.0.0.0", NULL, 0},
	    {FAMILY_IPV4, "255.255.255.255", NULL, 0xffffffff},
	    {FAMILY_IPV6, "2001:db8::1", NULL, V6(0x20010db800000000, 1)},
	    {FAMILY_IPV6, "::", NULL, 0},
	    {FAMILY_IPV6, "2001:DB8:0::A", "2001:db8::a", V6(0x20010db800000000, 10)},
	    {FAMILY_IPV6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, ~(address)0},
	    {FAMILY_IPV6, "::ffff:192.0.2.1", NULL, V6(0, 0xffffc0000201)},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		address value = 1;
		struct buffer out = {0};
		assert_int_equal(address_parse(cases[i].family, text_of(cases[i].text), &value), 0);
		assert_true(value == cases[i].value);
		address_print(cases[i].family, value, &out);
		assert_string_equal(out.data, cases[i].printed ? cases[i].printed : cases[i].text);
		buffer_fini(&out);
	}
}

static void test_what_is_no_address(void **context)
{
	(void)context;
	static const char *const cases[] = {
	    "",
	    "192.0.2",
	    "192.0.2.256",
	    " 192.0.2.1",
	    "192.0.2.1 ",
	    "192.0.2.1/32",
	    "0x7f.1",
	    "2001:db8::g",
	    "::1::",
	    "2001:db8::1%eth0",
	    "host.example",
	    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff",
	};
	address value = 77;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (enum family family = 0; family < FAMILY_COUNT; family++)
			assert_int_equal(address_parse(family, text_of(cases[i]), &value), -EINVAL);
	assert_int_equal(address_parse(FAMILY_IPV4, (struct text){"192.0.2.1\0junk", 14}, &value), -EINVAL);
	assert_int_equal(address_parse(FAMILY_IPV6, text_of("192.0.2.1"), &value), -EINVAL);
	assert_int_equal(address_parse(FAMILY_IPV4, text_of("2001:db8::1"), &value), -EINVAL);
	assert_true(value == 77);
}

static void test_masks(void **context)
{
	(void)context;
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		for (unsigned length = 0; length <= family_bits(family); length++) {
			address mask = prefix_mask(family, length);
			assert_int_equal(mask_length(family, mask), length);
			assert_true((mask & ~family_max(family)) == 0);
		}
	assert_true(prefix_mask(FAMILY_IPV4, 24) == 0xffffff00);
	assert_true(prefix_mask(FAMILY_IPV6, 64) == V6(~(uint64_t)0, 0));
	assert_int_equal(mask_length(FAMILY_IPV4, 0xff00ff00), -1);
	assert_int_equal(mask_length(FAMILY_IPV4, 0x000000ff), -1);
	assert_int_equal(mask_length(FAMILY_IPV4, V6(1, 0xffffffff)), -1);
	assert_int_equal(mask_length(FAMILY_IPV6, 1), -1);
}

static void test_bytes(void **context)
{
	(void)context;
	const uint8_t four[] = {192, 0, 2, 1}, six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};
	uint8_t bytes[16] = {[4] = 0xee};
	assert_true(address_from_bytes(FAMILY_IPV4, four) == 0xc0000201);
	address_to_bytes(FAMILY_IPV4, 0xc0000201, bytes);
	assert_memory_equal(bytes, four, 4);
	assert_int_equal(bytes[4], 0xee); /* IPv4 touches four bytes only */
	assert_true(address_from_bytes(FAMILY_IPV6, six) == V6(0x20010db800000000, 9));
	address_to_bytes(FAMILY_IPV6, V6(0x20010db800000000, 9), bytes);
	assert_memory_equal(bytes, six, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse_and_print),
	    cmocka_unit_test(test_what_is_no_address),
	    cmocka_unit_test(test_masks),
	    cmocka_unit_test(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
