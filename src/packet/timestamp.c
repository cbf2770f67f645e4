/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * RFC 3339 and back. The calendar is counted here and not by libc, whose functions go by the environment's
 * time zone. Leap seconds are not in Unix time: :60 is refused. */
#include "packet/timestamp.h"

#include <errno.h>

#define SECOND UINT64_C(1000000000)
#define DAY_SECONDS 86400

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from the first of year 1 to the first of this one. */
static uint64_t days_before(unsigned year)
{
	unsigned passed = year - 1;
	return (uint64_t)passed * 365 + passed / 4 - passed / 100 + passed / 400;
}

/* The number in the next `count` digits, at *at, which goes on behind them. */
static bool take_digits(struct text text, size_t *at, unsigned count, unsigned *number)
{
	if (text.size - *at < count)
		return false;
	*number = 0;
	for (unsigned i = 0; i < count; i++) {
		char c = text.data[*at + i];
		if (c < '0' || c > '9')
			return false;
		*number = *number * 10 + (unsigned)(c - '0');
	}
	*at += count;
	return true;
}

static bool take_char(struct text text, size_t *at, char wanted)
{
	if (*at >= text.size || text.data[*at] != wanted)
		return false;
	(*at)++;
	return true;
}

/* Days since 1970, less than 0 before: an offset may still lift that day's last hours to 1970. */
static bool take_date(struct text text, size_t *at, int64_t *days)
{
	unsigned year, month, day;
	if (!take_digits(text, at, 4, &year) || !take_char(text, at, '-') ||
	    !take_digits(text, at, 2, &month) || !take_char(text, at, '-') || !take_digits(text, at, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
		return false;
	*days = (int64_t)days_before(year) - (int64_t)days_before(1970) + day - 1;
	for (unsigned passed = 1; passed < month; passed++)
		*days += month_days(year, passed);
	return true;
}

static bool take_clock(struct text text, size_t *at, uint64_t *seconds, uint64_t *nanoseconds)
{
	unsigned hour, minute, second, digit, digits = 0;
	if (!take_digits(text, at, 2, &hour) || !take_char(text, at, ':') ||
	    !take_digits(text, at, 2, &minute) || !take_char(text, at, ':') ||
	    !take_digits(text, at, 2, &second) || hour > 23 || minute > 59 || second > 59)
		return false;
	*seconds = hour * 3600u + minute * 60u + second;
	*nanoseconds = 0;
	if (!take_char(text, at, '.'))
		return true;
	for (uint64_t place = SECOND / 10; place > 0 && take_digits(text, at, 1, &digit); place /= 10) {
		*nanoseconds += digit * place;
		digits++;
	}
	return digits > 0;
}

/* Seconds by which the text's clock is ahead of UTC. */
static bool take_offset(struct text text, size_t *at, int64_t *offset)
{
	unsigned hour, minute;
	*offset = 0;
	if (take_char(text, at, 'Z') || take_char(text, at, 'z'))
		return true;
	bool behind = take_char(text, at, '-');
	if (!behind && !take_char(text, at, '+'))
		return false;
	if (!take_digits(text, at, 2, &hour) || !take_char(text, at, ':') ||
	    !take_digits(text, at, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*offset = (int64_t)(hour * 3600u + minute * 60u) * (behind ? -1 : 1);
	return true;
}

int timestamp_parse(struct text text, uint64_t *time)
{
	size_t at = 0;
	int64_t days, offset;
	uint64_t seconds, nanoseconds, result;
	if (!take_date(text, &at, &days) || !(take_char(text, &at, 'T') || take_char(text, &at, 't')) ||
	    !take_clock(text, &at, &seconds, &nanoseconds) || !take_offset(text, &at, &offset) ||
	    at != text.size)
		return -EINVAL;
	int64_t utc = days * DAY_SECONDS + (int64_t)seconds - offset;
	if (utc < 0 || __builtin_mul_overflow((uint64_t)utc, SECOND, &result) ||
	    __builtin_add_overflow(result, nanoseconds, &result))
		return -EINVAL;
	*time = result;
	return 0;
}

void timestamp_print(uint64_t time, struct buffer *out)
{
	uint64_t days = time / SECOND / DAY_SECONDS;
	unsigned clock = (unsigned)(time / SECOND % DAY_SECONDS), fraction = (unsigned)(time % SECOND);
	unsigned year = 1970, month = 1, digits = 9;
	while (days >= 365u + is_leap(year))
		days -= 365u + is_leap(year++);
	while (days >= month_days(year, month))
		days -= month_days(year, month++);
	buffer_printf(out, "%04u-%02u-%02uT%02u:%02u:%02u", year, month, (unsigned)days + 1, clock / 3600,
		      clock / 60 % 60, clock % 60);
	for (; fraction && fraction % 10 == 0; digits--)
		fraction /= 10;
	if (fraction)
		buffer_printf(out, ".%0*u", (int)digits, fraction);
	buffer_puts(out, "Z");
}
