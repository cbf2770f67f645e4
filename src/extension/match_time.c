/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m time: dates, times of the day, days of the week and of the month, in UTC: time_mt() in
 * net/netfilter/xt_time.c. The kernel's timezone (--kerneltz) is not known. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <time.h>

enum {
	TIME_START,
	TIME_STOP,
	TIME_MONTHDAYS,
	TIME_WEEKDAYS,
	TIME_DATE_START,
	TIME_DATE_STOP,
	TIME_KERNEL_ZONE,
	TIME_CONTIGUOUS,
	TIME_LOCAL_ZONE, /* old name */
	TIME_ZONE_UTC,
	TIME_COUNT,
};

#define DAY 86400u
#define ALL_MONTHDAYS 0xfffffffeu
#define ALL_WEEKDAYS 0xfeu

struct time_match {
	struct guided guided;
	uint32_t date_start, date_stop; /* seconds since 1970 */
	uint32_t start, stop;           /* seconds of the day */
	uint32_t monthdays, weekdays;   /* 1 << day, from 1 on; Monday is 1 */
	bool kernel_zone, contiguous;
};

static const char *const weekdays[] = {NULL, "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

/* strtoul(): digits, perhaps none, at most `max`. */
static bool take_number(struct text *text, unsigned max, unsigned *number)
{
	uint64_t value = 0;

	while (text->size && isdigit((unsigned char)text->data[0])) {
		value = value * 10 + (uint64_t)(text->data[0] - '0');
		if (value > max)
			return false;
		text->data++;
		text->size--;
	}
	*number = (unsigned)value;
	return true;
}

static bool take(struct text *text, char c)
{
	if (!text->size || text->data[0] != c)
		return false;
	text->data++;
	text->size--;
	return true;
}

/* YYYY[-MM[-DD[Thh[:mm[:ss]]]]]; a day or month that is not in the calendar is counted on from the last one.
 */
static int date_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const char separators[] = {'-', '-', 'T', ':', ':'};
	static const unsigned most[] = {2038, 12, 31, 23, 59, 59};
	unsigned fields[] = {0, 1, 1, 0, 0, 0};
	struct text rest = word->text;
	unsigned i = 0;

	while (take_number(&rest, most[i], &fields[i]) && i < 5 && take(&rest, separators[i]))
		i++;
	if (rest.size || fields[0] < 1970)
		return guided_refuse(parser, word,
				     "YYYY-MM-DDThh:mm:ss, from 1970 to 2038, or its beginning");
	struct tm tm = {.tm_year = (int)fields[0] - 1900,
			.tm_mon = (int)fields[1] - 1,
			.tm_mday = (int)fields[2],
			.tm_hour = (int)fields[3],
			.tm_min = (int)fields[4],
			.tm_sec = (int)fields[5]};
	time_t seconds = timegm(&tm);
	if (seconds < 0 || seconds > UINT32_MAX)
		return guided_refuse(parser, word, "a date from 1970 on");
	value->number = (uint64_t)seconds;
	return 0;
}

/* hh:mm[:ss] */
static int daytime_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	unsigned hour, minute, second = 0;
	struct text rest = word->text;

	if (!take_number(&rest, 23, &hour) || !take(&rest, ':') || !take_number(&rest, 59, &minute) ||
	    (rest.size && (!take(&rest, ':') || !take_number(&rest, 59, &second))) || rest.size)
		return guided_refuse(parser, word, "hh:mm or hh:mm:ss, from 00:00:00 to 23:59:59");
	value->number = hour * 3600 + minute * 60 + second;
	return 0;
}

/* The next part of a list, cut off after `most` characters as iptables does. */
static bool next_day(struct comma_list *list, size_t most, struct text *part)
{
	if (!list->rest.size || !comma_next(list, part))
		return false;
	if (part->size > most)
		part->size = most;
	return true;
}

static int monthdays_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct comma_list list = {.rest = word->text};
	struct text part;
	uint64_t day;

	while (next_day(&list, 2, &part)) {
		day = 0;
		if (part.size && guided_number(part, 31, &day))
			return guided_refuse(parser, word, "days from 1 to 31, apart by commas");
		value->number |= 1u << day;
	}
	value->number &= ALL_MONTHDAYS;
	return 0;
}

static int weekdays_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct comma_list list = {.rest = word->text};
	struct text part;
	uint64_t day;

	while (next_day(&list, 3, &part)) {
		if (guided_number(part, 31, &day) != 0) { /* two letters tell it */
			for (day = 7; day > 0; day--)
				if (part.size >= 2 && memcmp(part.data, weekdays[day], 2) == 0)
					break;
		}
		if (day == 0)
			return guided_refuse(parser, word,
					     "Mon, Tue ..., or 1 (Monday) to 7, apart by commas");
		value->number |= 1u << day;
	}
	value->number &= ALL_WEEKDAYS;
	return 0;
}

#define ZONES (1u << TIME_KERNEL_ZONE | 1u << TIME_LOCAL_ZONE)

static const struct guide guides[TIME_COUNT] = {
    [TIME_START] = {.name = "--timestart", .kind = GUIDE_OWN, .parse = daytime_value},
    [TIME_STOP] = {.name = "--timestop", .kind = GUIDE_OWN, .parse = daytime_value},
    [TIME_MONTHDAYS] = {.name = "--monthdays",
			.kind = GUIDE_OWN,
			.flags = GUIDE_INVERTIBLE,
			.parse = monthdays_value},
    [TIME_WEEKDAYS] = {.name = "--weekdays",
		       .kind = GUIDE_OWN,
		       .flags = GUIDE_INVERTIBLE,
		       .parse = weekdays_value},
    [TIME_DATE_START] = {.name = "--datestart", .kind = GUIDE_OWN, .parse = date_value},
    [TIME_DATE_STOP] = {.name = "--datestop", .kind = GUIDE_OWN, .parse = date_value},
    [TIME_KERNEL_ZONE] = {.name = "--kerneltz", .excludes = 1u << TIME_ZONE_UTC},
    [TIME_CONTIGUOUS] = {.name = "--contiguous"},
    [TIME_LOCAL_ZONE] = {.name = "--localtz", .excludes = 1u << TIME_ZONE_UTC},
    [TIME_ZONE_UTC] = {.name = "--utc", .excludes = ZONES},
};

static int time_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct time_match), guides, TIME_COUNT);
}

static uint32_t number_or(const struct guided *guided, unsigned option, uint32_t otherwise)
{
	return guided_seen(guided, option) ? (uint32_t)guided->values[option].number : otherwise;
}

static int time_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct time_match), guides, TIME_COUNT,
				  match->span, "-m time");
	if (error)
		return error;
	struct time_match *time = match->data;
	const struct guided *guided = &time->guided;
	time->date_start = number_or(guided, TIME_DATE_START, 0);
	time->date_stop = number_or(guided, TIME_DATE_STOP, INT_MAX);
	time->start = number_or(guided, TIME_START, 0);
	time->stop = number_or(guided, TIME_STOP, DAY - 1);
	time->monthdays = number_or(guided, TIME_MONTHDAYS, ALL_MONTHDAYS);
	time->weekdays = number_or(guided, TIME_WEEKDAYS, ALL_WEEKDAYS);
	if (guided_inverted(guided, TIME_MONTHDAYS))
		time->monthdays ^= ALL_MONTHDAYS;
	if (guided_inverted(guided, TIME_WEEKDAYS))
		time->weekdays ^= ALL_WEEKDAYS;
	time->kernel_zone = guided->seen & ZONES;
	time->contiguous = guided_seen(guided, TIME_CONTIGUOUS);
	if (!time->contiguous || time->start >= time->stop)
		return 0;
	diagnostic_hint(option_error(parser, match->span, "conflicting-options",
				     "--contiguous needs a --timestop that is earlier than --timestart"),
			"leave it out: the time does not go past midnight");
	return -EINVAL;
}

static void print_daytime(uint32_t seconds, const char *option, struct buffer *out)
{
	buffer_printf(out, " %s %02u:%02u:%02u", option, seconds / 3600, seconds / 60 % 60, seconds % 60);
}

static void print_date(uint32_t seconds, const char *option, struct buffer *out)
{
	time_t date = seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&date, &tm))
		return;
	buffer_printf(out, " %s %04d-%02d-%02dT%02d:%02d:%02d", option, tm.tm_year + 1900, tm.tm_mon + 1,
		      tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* An end that was not given is printed as the last second that 31 bits can hold; no days as a blank. */
static void time_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct time_match *time = match->data;
	const char *separator = "";
	(void)rule;

	buffer_puts(out, "-m time");
	if (time->start != 0 || time->stop != DAY - 1) {
		print_daytime(time->start, guides[TIME_START].name, out);
		print_daytime(time->stop, guides[TIME_STOP].name, out);
	}
	if (time->monthdays != ALL_MONTHDAYS) {
		buffer_printf(out, " %s ", guides[TIME_MONTHDAYS].name);
		for (unsigned day = 1; day <= 31; day++)
			if (time->monthdays >> day & 1) {
				buffer_printf(out, "%s%u", separator, day);
				separator = ",";
			}
	}
	separator = "";
	if (time->weekdays != ALL_WEEKDAYS) {
		buffer_printf(out, " %s ", guides[TIME_WEEKDAYS].name);
		for (unsigned day = 1; day <= 7; day++)
			if (time->weekdays >> day & 1) {
				buffer_printf(out, "%s%s", separator, weekdays[day]);
				separator = ",";
			}
	}
	print_date(time->date_start, guides[TIME_DATE_START].name, out);
	print_date(time->date_stop, guides[TIME_DATE_STOP].name, out);
	if (time->kernel_zone)
		buffer_printf(out, " %s", guides[TIME_KERNEL_ZONE].name);
	if (time->contiguous)
		buffer_printf(out, " %s", guides[TIME_CONTIGUOUS].name);
}

static bool time_matches(const struct time_match *match, int64_t stamp)
{
	uint32_t daytime = (uint32_t)(stamp % DAY);

	if (stamp < match->date_start || stamp > match->date_stop)
		return false;
	if (match->start < match->stop) {
		if (daytime < match->start || daytime > match->stop)
			return false;
	} else {
		if (daytime < match->start && daytime > match->stop)
			return false;
		/* What begins before midnight belongs to the day before. */
		if (match->contiguous && daytime <= match->stop)
			stamp -= DAY;
	}
	time_t date = (time_t)stamp;
	struct tm tm;
	if (!gmtime_r(&date, &tm))
		return false;
	return match->weekdays >> (tm.tm_wday ? tm.tm_wday : 7) & 1 && match->monthdays >> tm.tm_mday & 1;
}

static enum truth time_evaluate(const struct match *match, const struct rule *rule,
				const struct packet *packet, struct evaluation *evaluation)
{
	const struct time_match *time = match->data;
	(void)rule;
	(void)evaluation;

	if (!time->weekdays || !time->monthdays)
		return TRUTH_NO;
	if (!(packet->known & KNOWN_TIME) || time->kernel_zone)
		return TRUTH_UNKNOWN;
	return truth_of(time_matches(time, (int64_t)(packet->time / 1000000000u)));
}

const struct match_type match_time = {
    .name = "time",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = time_parse,
    .finish = time_finish,
    .print = time_print,
    .evaluate = time_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
