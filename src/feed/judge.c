/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A new version of a list is taken when all of this is true:
 *
 * - each line of it is a member, or a comment;
 * - it has members, where the last good one had some;
 * - of no family more than so many percent of the addresses are gone (`shrink at most`). Addresses are
 * counted, not lines: a list that writes two /25 as a /24 has lost nothing, and one in which a /8 gave way to
 * a /32 has;
 * - the policy can be read with it: no failsafe is covered, no set too large. That is asked of the policy's
 * own reader, so that nothing is taken which `weir apply` then refuses. */
#include "feed/judge.h"

#include <errno.h>

/* --- Counting ------------------------------------------------------------------------------------ */

static address sum(address a, address b)
{
	return a > ~(address)0 - b ? ~(address)0 : a + b;
}

/* Saturates at the greatest number, which makes what vanishes a larger part: the careful way. */
static address count_addresses(const struct policy_elements *elements)
{
	address total = 0;

	for (size_t i = 0; i < elements->count; i++) {
		const struct policy_element *element = &elements->elements[i];
		address ports = (address)(element->port_high - element->port_low) + 1;
		address size = sum(element->high - element->low, 1);
		if (size > ~(address)0 / ports)
			return ~(address)0;
		total = sum(total, size * ports);
	}
	return total;
}

/* Beyond that one reads powers of two more easily. */
#define NUMBER_SHOWN ((address)1000000000000)

void feed_number_print(address number, struct buffer *out)
{
	char digits[40];
	size_t at = sizeof(digits);
	unsigned power = 0;

	if (number > NUMBER_SHOWN) {
		while (number >> power > 1)
			power++;
		buffer_printf(out, "%s2^%u", (number & (number - 1)) ? "some " : "", power);
		return;
	}

	do {
		digits[--at] = (char)('0' + (int)(number % 10));
		number /= 10;
	} while (number);
	buffer_add(out, digits + at, sizeof(digits) - at);
}

/* More than that many percent of `all`: exactly, as all * percent may not fit. */
static bool exceeds(address part, address all, uint32_t percent)
{
	return part > all / 100 * percent + all % 100 * percent / 100;
}

/* --- Reading ------------------------------------------------------------------------------------- */

#define REASON_MAX 500 /* bytes */

/* The first error in one line, without what may not go to a terminal; warnings are no reason. */
static void first_error(const struct diagnostics *sink, struct buffer *why)
{
	struct buffer text = {0};

	diagnostics_print(sink, &text);
	const char *line = text.data ? text.data : "", *next;
	const char *first = line;
	for (; *line; line = next) {
		const char *word = strstr(line, ": error[");
		size_t size = strcspn(line, "\n");
		next = line + size + (line[size] == '\n');
		if (word && word < line + size) {
			first = line;
			break;
		}
	}
	for (size_t i = 0; i < REASON_MAX && first[i] && first[i] != '\n'; i++) {
		char c = (unsigned char)first[i] < ' ' || first[i] == 0x7f ? '?' : first[i];
		buffer_add(why, &c, 1);
	}
	buffer_fini(&text);
}

int feed_list_read(struct arena *arena, const struct feed_case *asked, const struct source *source,
		   struct feed_list *list, struct buffer *why)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct policy_list_result read = {.members = 0};
	struct feed_list fresh = {.members = 0};
	int result = sink ? policy_list_read(arena, sink, source, 0, asked->set->type, asked->feed->format,
					     asked->now, &read)
			  : -ENOMEM;

	if (result == -EINVAL) {
		fresh.wrong = true;
		result = 0;
		if (why)
			first_error(sink, why);
	}
	for (enum family family = 0; family < FAMILY_COUNT && result == 0; family++) {
		fresh.elements[family] = read.elements[family];
		result = policy_elements_merge(arena, family, &fresh.elements[family]);
		fresh.addresses[family] = count_addresses(&fresh.elements[family]);
	}
	if (result == -E2BIG) { /* ports that cut each other into very many pieces */
		if (why && !fresh.wrong)
			buffer_puts(why, "its members overlap in too many ways");
		fresh = (struct feed_list){.wrong = true};
		result = 0;
	}
	if (result)
		return result;
	fresh.members = read.members - read.expired;
	*list = fresh;
	return 0;
}

/* --- Comparing ----------------------------------------------------------------------------------- */

/* a less b; neither is changed. */
static int difference(struct arena *arena, const struct policy_elements *a, const struct policy_elements *b,
		      struct policy_elements *out)
{
	/* without capacity it is not written in place */
	struct policy_elements rest = {.elements = a->elements, .count = a->count};
	int result = policy_elements_subtract(arena, &rest, b);

	if (result == 0)
		*out = rest;
	return result;
}

static int compare(struct arena *arena, struct feed_change *change)
{
	int result = 0;

	for (int family = 0; family < FAMILY_COUNT && result == 0; family++) {
		const struct policy_elements *before = &change->before.elements[family],
					     *after = &change->after.elements[family];
		result = difference(arena, after, before, &change->added[family]);
		if (result == 0)
			result = difference(arena, before, after, &change->vanished[family]);
		change->added_addresses[family] = count_addresses(&change->added[family]);
		change->vanished_addresses[family] = count_addresses(&change->vanished[family]);
	}
	return result;
}

static int check_shrink(const struct feed_case *asked, const struct feed_change *change, struct buffer *why)
{
	const struct policy_feed *feed = asked->feed;
	bool some = change->before.addresses[0] || change->before.addresses[1];

	if (some && !change->after.addresses[0] && !change->after.addresses[1]) {
		buffer_printf(why, "it is empty, and the last one had %zu members", change->before.members);
		return -EINVAL;
	}
	for (int family = 0; family < FAMILY_COUNT; family++) {
		address all = change->before.addresses[family], gone = change->vanished_addresses[family];
		if (!exceeds(gone, all, feed->shrink))
			continue;
		unsigned percent = (unsigned)(100.0L * (long double)gone / (long double)all);
		feed_number_print(gone, why);
		buffer_puts(why, " of ");
		feed_number_print(all, why);
		buffer_printf(why, " addresses of IPv%c would be gone, %u%%, and at most %u%% may be at once",
			      family == FAMILY_IPV4 ? '4' : '6',
			      percent > feed->shrink ? percent : feed->shrink + 1, feed->shrink);
		return -EINVAL;
	}
	return 0;
}

/* --- The policy with it -------------------------------------------------------------------------- */

/* Files as they are, but for the copies of feeds. */
struct overlay {
	const char *path;               /* of the copy that is judged */
	const struct source *candidate; /* NULL: none is there */
	const char *directory;
	bool others; /* copies of other feeds are read */
};

static int read_overlaid(void *context, struct arena *arena, const char *path, struct source **source)
{
	const struct overlay *overlay = context;
	size_t size = strlen(overlay->directory);

	if (strcmp(path, overlay->path) == 0) {
		if (!overlay->candidate)
			return -ENOENT;
		*source = source_new(arena, overlay->candidate->name, overlay->candidate->data,
				     overlay->candidate->size);
		return *source ? 0 : -ENOMEM;
	}
	if (!overlay->others && strncmp(path, overlay->directory, size) == 0 && path[size] == '/')
		return -ENOENT;
	return policy_read_regular(arena, path, source);
}

/* 0, -EINVAL with the first error, -ENOMEM. */
static int read_policy(const struct feed_case *asked, struct overlay *overlay, struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	const struct policy_options options = {
	    .read = read_overlaid, .context = overlay, .feed_directory = asked->directory, .now = asked->now};
	struct policy_tree *tree;
	int result = arena && sink ? policy_read(arena, sink, asked->policy, &options, &tree) : -ENOMEM;

	if (result == -EINVAL)
		first_error(sink, why);
	return result;
}

static int check_policy(struct arena *arena, const struct feed_case *asked, const struct source *fresh,
			struct buffer *why)
{
	struct buffer with = {0}, without = {0};
	struct overlay overlay = {.path = arena_printf(arena, "%s/%.*s", asked->directory,
						       (int)asked->feed->name.size, asked->feed->name.data),
				  .candidate = fresh,
				  .directory = asked->directory,
				  .others = true};
	int result = overlay.path ? read_policy(asked, &overlay, &with) : -ENOMEM;

	if (result == -EINVAL) {
		/* Are others' copies at fault? Then this one is judged alone. */
		overlay.candidate = NULL;
		if (read_policy(asked, &overlay, &without) == -EINVAL) {
			overlay.candidate = fresh;
			overlay.others = false;
			with.size = 0;
			result = read_policy(asked, &overlay, &with);
		}
	}
	if (result == -EINVAL)
		buffer_printf(why, "the policy cannot have it: %s", with.data ? with.data : "");
	buffer_fini(&with);
	buffer_fini(&without);
	return result;
}

int feed_judge(struct arena *arena, const struct feed_case *asked, const struct feed_list *before,
	       const struct source *fresh, struct feed_change *change, struct buffer *why)
{
	struct feed_change found = {.before = *before};
	int result = feed_list_read(arena, asked, fresh, &found.after, why);

	if (result == 0 && found.after.wrong)
		result = -EINVAL;
	if (result == 0)
		result = compare(arena, &found);
	if (result == -E2BIG) {
		buffer_puts(why, "its members overlap in too many ways");
		result = -EINVAL;
	}
	if (result == 0)
		result = check_shrink(asked, &found, why);
	if (result == 0)
		result = check_policy(arena, asked, fresh, why);
	if (result == 0)
		*change = found;
	return result;
}
