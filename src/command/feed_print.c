/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir feed: what is known of feeds, and what changed, as text and as JSON. */
#include "command/clean.h"
#include "command/command.h"
#include "command/feed.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>

#define RANGES_SHOWN 5     /* of each kind, as text */
#define RANGES_LISTED 1000 /* as JSON */

static const char *const family_words[FAMILY_COUNT] = {"ipv4", "ipv6"};

static void put_duration(int64_t seconds)
{
	if (seconds < 60)
		printf("%" PRId64 " s", seconds);
	else if (seconds < 2 * 3600)
		printf("%" PRId64 " min", seconds / 60);
	else if (seconds < 2 * 86400)
		printf("%" PRId64 " h", seconds / 3600);
	else
		printf("%" PRId64 " days", seconds / 86400);
}

static void put_members(uint64_t count)
{
	printf("%" PRIu64 " member%s", count, count == 1 ? "" : "s");
}

static void put_age(const char *what, int64_t then, int64_t now)
{
	printf("%s ", what);
	put_duration(then < now ? now - then : 0);
	fputs(" ago", stdout);
}

/* --- Records ------------------------------------------------------------------------------------- */

void feed_print_record(const struct feed_named *named, const struct feed_record *record, int64_t now)
{
	int64_t due = feed_due(record, named->feed, now);

	printf("%s (set %.*s) ", named->name, (int)named->set->name.size, named->set->name.data);
	clean_put(text_of(named->feed->url));
	fputs("\n  ", stdout);
	if (record->changed) {
		put_members(record->members);
		put_age(", checked", record->fetched, now);
		put_age(", changed", record->changed, now);
	} else {
		fputs("no copy yet", stdout);
	}
	if (due <= now) {
		puts("; due now");
	} else {
		fputs("; due in ", stdout);
		put_duration(due - now);
		puts("");
	}
	if (!*record->error)
		return;
	put_age("  failed", record->tried, now);
	fputs(": ", stdout);
	clean_put(text_of(record->error));
	puts("");
}

static void add_names(struct json_object *object, const struct feed_named *named)
{
	json_object_object_add(object, "name", json_object_new_string(named->name));
	json_object_object_add(object, "set",
			       json_object_new_string_len(named->set->name.data, (int)named->set->name.size));
	json_object_object_add(object, "url", clean_json(text_of(named->feed->url)));
}

static void add_time(struct json_object *object, const char *name, int64_t time)
{
	json_object_object_add(object, name, time ? json_object_new_int64(time) : NULL);
}

static struct json_object *error_json(const char *error)
{
	return *error ? clean_json(text_of(error)) : NULL;
}

struct json_object *feed_record_json(const struct feed_named *named, const struct feed_record *record,
				     int64_t now)
{
	struct json_object *object = json_object_new_object();
	int64_t due = feed_due(record, named->feed, now);

	add_names(object, named);
	json_object_object_add(object, "members",
			       record->changed ? json_object_new_int64((int64_t)record->members) : NULL);
	add_time(object, "tried", record->tried);
	add_time(object, "fetched", record->fetched);
	add_time(object, "changed", record->changed);
	json_object_object_add(object, "age",
			       record->fetched ? json_object_new_int64(now - record->fetched) : NULL);
	json_object_object_add(object, "due_in", json_object_new_int64(due > now ? due - now : 0));
	json_object_object_add(object, "error", error_json(record->error));
	return object;
}

/* --- Changes ------------------------------------------------------------------------------------- */

static void element_text(enum family family, const struct policy_element *element, struct buffer *out)
{
	address end;
	unsigned length = policy_prefix(family, element->low, element->high, &end);

	address_print(family, element->low, out);
	if (end != element->high) {
		buffer_puts(out, "-");
		address_print(family, element->high, out);
	} else if (length != family_bits(family)) {
		buffer_printf(out, "/%u", length);
	}
	if (!element->protocol)
		return;
	switch (element->protocol) {
	case IPPROTO_TCP:
		buffer_puts(out, " . tcp");
		break;
	case IPPROTO_UDP:
		buffer_puts(out, " . udp");
		break;
	case IPPROTO_SCTP:
		buffer_puts(out, " . sctp");
		break;
	default:
		buffer_puts(out, " . udplite");
	}
	buffer_printf(out, " %u", element->port_low);
	if (element->port_high != element->port_low)
		buffer_printf(out, "-%u", element->port_high);
}

static void print_ranges(const char *sign, const struct policy_elements elements[FAMILY_COUNT])
{
	struct buffer out = {0};
	size_t shown = 0, all = elements[FAMILY_IPV4].count + elements[FAMILY_IPV6].count;

	for (enum family family = 0; family < FAMILY_COUNT; family++)
		for (size_t i = 0; i < elements[family].count && shown < RANGES_SHOWN; i++, shown++) {
			buffer_printf(&out, "  %s ", sign);
			element_text(family, &elements[family].elements[i], &out);
			buffer_puts(&out, "\n");
		}
	if (all > shown)
		buffer_printf(&out, "  %s ... and %zu more\n", sign, all - shown);
	if (out.data)
		fputs(out.data, stdout);
	buffer_fini(&out);
}

static void print_addresses(const char *word, const address numbers[FAMILY_COUNT])
{
	struct buffer out = {0};

	for (int family = 0; family < FAMILY_COUNT; family++) {
		if (!numbers[family])
			continue;
		buffer_puts(&out, ", ");
		feed_number_print(numbers[family], &out);
		buffer_printf(&out, " address%s of IPv%c %s", numbers[family] == 1 ? "" : "es",
			      family == FAMILY_IPV4 ? '4' : '6', word);
	}
	if (out.data)
		fputs(out.data, stdout);
	buffer_fini(&out);
}

void feed_print_update(const struct feed_named *named, const struct feed_update *update)
{
	const struct feed_change *change = &update->change;

	switch (update->outcome) {
	case FEED_SAME:
		printf("%s: the same as before, ", named->name);
		put_members(change->after.members);
		puts("");
		break;
	case FEED_CHANGED:
		printf("%s: ", named->name);
		put_members(change->after.members);
		print_addresses("added", change->added_addresses);
		print_addresses("vanished", change->vanished_addresses);
		puts("");
		print_ranges("+", change->added);
		print_ranges("-", change->vanished);
		break;
	default:
		command_fail("feed", EXIT_DONE, "%s: %s: %s%s", named->name,
			     update->outcome == FEED_REFUSED       ? "refused"
			     : update->outcome == FEED_UNREACHABLE ? "not fetched"
								   : "not kept",
			     update->why,
			     update->outcome == FEED_NOT_KEPT ? "" : "; the last good copy stays");
	}
}

static struct json_object *ranges_json(const address numbers[FAMILY_COUNT],
				       const struct policy_elements elements[FAMILY_COUNT])
{
	struct json_object *object = json_object_new_object(), *addresses = json_object_new_object(),
			   *ranges = json_object_new_array();
	size_t listed = 0;

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		json_object_object_add(addresses, family_words[family],
				       numbers[family] <= INT64_MAX
					   ? json_object_new_int64((int64_t)numbers[family])
					   : json_object_new_double((double)numbers[family]));
		for (size_t i = 0; i < elements[family].count && listed < RANGES_LISTED; i++, listed++) {
			struct buffer out = {0};
			element_text(family, &elements[family].elements[i], &out);
			json_object_array_add(ranges, json_object_new_string(out.data ? out.data : ""));
			buffer_fini(&out);
		}
	}
	json_object_object_add(object, "addresses", addresses);
	json_object_object_add(
	    object, "count",
	    json_object_new_int64((int64_t)(elements[FAMILY_IPV4].count + elements[FAMILY_IPV6].count)));
	json_object_object_add(object, "ranges", ranges); /* the first of them */
	return object;
}

struct json_object *feed_update_json(const struct feed_named *named, const struct feed_update *update)
{
	const struct feed_change *change = &update->change;
	struct json_object *object = json_object_new_object();
	bool known = update->outcome == FEED_SAME || update->outcome == FEED_CHANGED;

	add_names(object, named);
	json_object_object_add(object, "outcome",
			       json_object_new_string(feed_outcome_names[update->outcome]));
	json_object_object_add(object, "members",
			       known ? json_object_new_int64((int64_t)change->after.members) : NULL);
	if (update->outcome == FEED_CHANGED) {
		json_object_object_add(object, "added", ranges_json(change->added_addresses, change->added));
		json_object_object_add(object, "vanished",
				       ranges_json(change->vanished_addresses, change->vanished));
	}
	json_object_object_add(object, "error", error_json(update->why));
	return object;
}
