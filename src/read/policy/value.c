/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a single word says: addresses, ports, times, rates. Used for the policy and for list files of millions
 * of lines alike, so IPv4 addresses are read here and not by inet_pton(), which wants a copy. A number with a
 * zero before it is refused in addresses: some programs take it for octal. */
#include "read/policy/parse.h"
#include "read/reader.h"
#include "ruleset/protocol.h"

#include <errno.h>
#include <netinet/in.h>
#include <time.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Decimal digits alone, without a zero before them. */
static bool decimal(struct text text, uint64_t max, uint64_t *value)
{
	uint64_t number = 0;

	if (text.size == 0 || text.size > 18 || (text.size > 1 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (!is_digit(text.data[i]))
			return false;
		number = number * 10 + (uint64_t)(text.data[i] - '0');
	}
	if (number > max)
		return false;
	*value = number;
	return true;
}

static bool parse_ipv4(struct text text, address *value)
{
	uint32_t number = 0;
	size_t at = 0;

	for (int part = 0; part < 4; part++) {
		size_t begin = at;
		unsigned byte = 0;
		while (at < text.size && at - begin < 3 && is_digit(text.data[at]))
			byte = byte * 10 + (unsigned)(text.data[at++] - '0');
		if (at == begin || byte > 255 || (at - begin > 1 && text.data[begin] == '0'))
			return false;
		number = number << 8 | byte;
		if (part < 3 && (at >= text.size || text.data[at++] != '.'))
			return false;
	}
	*value = number;
	return at == text.size;
}

static bool parse_one(struct text text, enum family *family, address *value)
{
	*family = text_find(text, ':') ? FAMILY_IPV6 : FAMILY_IPV4;
	return *family == FAMILY_IPV4 ? parse_ipv4(text, value)
				      : address_parse(FAMILY_IPV6, text, value) == 0;
}

static const char *parse_range(struct text text, const char *dash, enum family *family,
			       struct address_range *range)
{
	enum family high_family;
	struct address_range fresh;

	if (!parse_one(text_before(text, dash), family, &fresh.low) ||
	    !parse_one(text_behind(text, dash), &high_family, &fresh.high))
		return "is no range of addresses (LOW-HIGH)";
	if (*family != high_family)
		return "begins with an address of one family and ends with one of the other";
	if (fresh.low > fresh.high)
		return "ends before it begins";
	*range = fresh;
	return NULL;
}

const char *value_addresses(struct text text, enum family *family, struct address_range *range, bool *masked)
{
	const char *slash = text_find(text, '/'), *dash = text_find(text, '-');
	enum family of = FAMILY_IPV4;
	struct address_range fresh;
	uint64_t length;

	*masked = false;
	if (dash && !slash) {
		const char *wrong = parse_range(text, dash, &of, &fresh);
		if (wrong)
			return wrong;
		*family = of;
		*range = fresh;
		return NULL;
	}
	if (!parse_one(slash ? text_before(text, slash) : text, &of, &fresh.low))
		return "is no address, prefix (ADDRESS/LENGTH) or range (LOW-HIGH)";
	fresh.high = fresh.low;
	if (slash) {
		if (!decimal(text_behind(text, slash), family_bits(of), &length))
			return of == FAMILY_IPV4 ? "has no prefix length from 0 to 32 behind the /"
						 : "has no prefix length from 0 to 128 behind the /";
		address mask = prefix_mask(of, (unsigned)length);
		*masked = (fresh.low & ~mask) != 0;
		fresh.low &= mask;
		fresh.high = fresh.low | (family_max(of) & ~mask);
	}
	*family = of;
	*range = fresh;
	return NULL;
}

const char *policy_range_fits(enum policy_set_type type, struct address_range range)
{
	bool addresses = type == POLICY_SET_ADDRESS || type == POLICY_SET_ADDRESS_PORT;

	if (addresses && range.high - range.low >= POLICY_RANGE_MAX)
		return "is more than 65536 addresses, each of them a member: a set of type net takes it "
		       "whole";
	return NULL;
}

const char *value_number(struct text text, uint64_t low, uint64_t high, uint64_t *value)
{
	uint64_t number;

	if (!decimal(text, UINT64_MAX, &number))
		return "is no number";
	if (number < low || number > high)
		return "is out of range";
	*value = number;
	return NULL;
}

const char *value_ports(struct text text, struct policy_port_range *range)
{
	const char *dash = text_find(text, '-');
	uint64_t low, high;

	if (!decimal(dash ? text_before(text, dash) : text, UINT64_MAX, &low) ||
	    (dash && !decimal(text_behind(text, dash), UINT64_MAX, &high)))
		return "is no port (a number) or range of ports (LOW-HIGH)";
	if (!dash)
		high = low;
	if (low > UINT16_MAX || high > UINT16_MAX)
		return "is no port: they end at 65535";
	if (low > high)
		return "ends before it begins";
	*range = (struct policy_port_range){(uint16_t)low, (uint16_t)high};
	return NULL;
}

/* The digits before a unit. */
static bool number_with_unit(struct text text, uint64_t *number, struct text *unit)
{
	size_t digits = 0;

	while (digits < text.size && is_digit(text.data[digits]))
		digits++;
	*unit = (struct text){text.data + digits, text.size - digits};
	return decimal((struct text){text.data, digits}, UINT32_MAX, number);
}

struct unit {
	const char *name;
	uint32_t seconds;
};

static uint32_t unit_seconds(struct text name)
{
	static const struct unit units[] = {{"s", 1},       {"sec", 1},   {"min", 60},    {"h", 3600},
					    {"hour", 3600}, {"d", 86400}, {"day", 86400}, {"w", 604800}};

	for (size_t i = 0; i < COUNT_OF(units); i++)
		if (text_is(name, units[i].name))
			return units[i].seconds;
	return 0;
}

const char *value_duration(struct text text, uint32_t *seconds)
{
	uint64_t number;
	struct text unit;

	if (!number_with_unit(text, &number, &unit))
		return "is no length of time, such as 90s, 5min, 12h, 1d";
	uint64_t factor = unit.size ? unit_seconds(unit) : 1;
	if (factor == 0)
		return "has no unit of time behind its number: s, min, h, d or w";
	if (number * factor > INT32_MAX)
		return "is too long";
	*seconds = (uint32_t)(number * factor);
	return NULL;
}

const char *value_percent(struct text text, uint32_t *percent)
{
	uint64_t number;
	struct text unit;

	if (!number_with_unit(text, &number, &unit) || !text_is(unit, "%"))
		return "is no percentage, such as 50%";
	if (number > 100)
		return "is more than 100%";
	*percent = (uint32_t)number;
	return NULL;
}

const char *value_rate(struct text text, uint32_t *rate, uint32_t *second)
{
	uint64_t number;
	struct text unit;

	if (!number_with_unit(text, &number, &unit) || unit.size < 2 || unit.data[0] != '/')
		return "is no rate, such as 50/s, 10/min, 5/h";
	uint32_t seconds = unit_seconds((struct text){unit.data + 1, unit.size - 1});
	if (seconds == 0 || seconds > 86400)
		return "is no rate: a number of packets for each s, min, h or d";
	if (number == 0 || number > (uint64_t)seconds * 1000000 || number > UINT32_MAX)
		return "is no rate from 1 to 1000000/s";
	*rate = (uint32_t)number;
	*second = seconds;
	return NULL;
}

/* --- Times --------------------------------------------------------------------------------------- */

/* Takes `digits` digits off the text. */
static bool take_digits(struct text *text, size_t digits, int *value)
{
	int number = 0;

	if (text->size < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (!is_digit(text->data[i]))
			return false;
		number = number * 10 + (text->data[i] - '0');
	}
	*text = (struct text){text->data + digits, text->size - digits};
	*value = number;
	return true;
}

static bool take_char(struct text *text, char c)
{
	if (text->size == 0 || text->data[0] != c)
		return false;
	*text = (struct text){text->data + 1, text->size - 1};
	return true;
}

/* Z, +02:00, -0530 or nothing: seconds to be taken off. */
static bool take_zone(struct text *text, int64_t *offset)
{
	int sign = 1, hours, minutes = 0;

	*offset = 0;
	if (text->size == 0 || take_char(text, 'Z') || take_char(text, 'z'))
		return true;
	if (take_char(text, '-'))
		sign = -1;
	else if (!take_char(text, '+'))
		return false;
	if (!take_digits(text, 2, &hours))
		return false;
	take_char(text, ':');
	if (text->size && !take_digits(text, 2, &minutes))
		return false;
	if (hours > 14 || minutes > 59)
		return false;
	*offset = (int64_t)sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool take_clock(struct text *text, struct tm *broken)
{
	if (!take_digits(text, 2, &broken->tm_hour) || !take_char(text, ':') ||
	    !take_digits(text, 2, &broken->tm_min))
		return false;
	if (take_char(text, ':')) {
		if (!take_digits(text, 2, &broken->tm_sec))
			return false;
		if (take_char(text, '.'))
			while (text->size && is_digit(text->data[0]))
				*text = (struct text){text->data + 1, text->size - 1};
	}
	return broken->tm_hour <= 23 && broken->tm_min <= 59 && broken->tm_sec <= 60;
}

static int days_of(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static const char not_a_time[] =
    "is no time: 2026-12-01, 2026-12-01T12:00:00Z or seconds since 1970 (up to the year 2106)";

const char *value_time(struct text text, uint32_t *seconds)
{
	uint64_t number;
	struct tm broken = {0};
	int64_t offset = 0;

	if (decimal(text, UINT32_MAX, &number) && number > 0) {
		*seconds = (uint32_t)number;
		return NULL;
	}
	if (!take_digits(&text, 4, &broken.tm_year) || !take_char(&text, '-') ||
	    !take_digits(&text, 2, &broken.tm_mon) || !take_char(&text, '-') ||
	    !take_digits(&text, 2, &broken.tm_mday) || broken.tm_mon < 1 || broken.tm_mon > 12 ||
	    broken.tm_mday < 1)
		return not_a_time;
	if (text.size && ((!take_char(&text, 'T') && !take_char(&text, 't')) || !take_clock(&text, &broken) ||
			  !take_zone(&text, &offset)))
		return not_a_time;
	if (text.size || broken.tm_mday > days_of(broken.tm_year, broken.tm_mon))
		return not_a_time;
	broken.tm_year -= 1900;
	broken.tm_mon -= 1;
	time_t time = timegm(&broken);
	int64_t at = (int64_t)time - offset;
	if (at <= 0 || at > UINT32_MAX)
		return not_a_time;
	*seconds = (uint32_t)at;
	return NULL;
}

/* --- Protocols ----------------------------------------------------------------------------------- */

bool protocol_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP || protocol == IPPROTO_UDPLITE;
}

bool value_port_protocol(struct text text, uint8_t *protocol)
{
	uint8_t value;

	if (protocol_parse(text, &value) < 0 || !protocol_has_ports(value) || value == IPPROTO_DCCP)
		return false;
	*protocol = value;
	return true;
}
