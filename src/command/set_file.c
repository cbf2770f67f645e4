/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Of a list file only the lines change that are asked for: comments, the order and the lines of others stay
 * byte for byte. What is added comes at the end, as JSON where the file's first member is that. */
#include "command/set_file.h"
#include "command/command.h"
#include "kernel/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- Which */

int set_file_choose(const struct set_lists *lists, const char *set, const char *named, const char **path)
{
	char *real = named ? realpath(named, NULL) : NULL;

	*path = NULL;
	for (size_t i = 0; i < lists->count; i++)
		if (!named || (real && strcmp(real, lists->files[i]) == 0))
			*path = lists->files[i];
	free(real);
	if (!lists->count)
		return command_fail("set", EXIT_USAGE,
				    "%s has no list file in the policy that is in force: --permanent has "
				    "nothing to write to; nothing was changed",
				    set);
	if (!*path)
		return command_fail(
		    "set", EXIT_USAGE,
		    "%s: no list file of %s in the policy that is in force: nothing was changed", named, set);
	if (!named && lists->count > 1)
		return command_fail("set", EXIT_USAGE,
				    "%s has %zu list files: say which with --file (%s, %s%s): nothing was "
				    "changed",
				    set, lists->count, lists->files[0], lists->files[1],
				    lists->count > 2 ? " ..." : "");
	return EXIT_DONE;
}

/* --- A member as a line */

static const char *protocol_name(uint8_t protocol, char number[8])
{
	const struct {
		uint8_t number;
		const char *name;
	} names[] = {
	    {IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}, {IPPROTO_SCTP, "sctp"}, {IPPROTO_UDPLITE, "udplite"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].number == protocol)
			return names[i].name;
	snprintf(number, 8, "%u", protocol);
	return number;
}

static void print_addresses(enum family family, const struct policy_element *element, struct buffer *out)
{
	struct nft_shape shape = {.family = family};
	struct nft_member member = {.low = element->low, .high = element->high};

	set_member_text(&shape, &member, out);
}

static void print_json(enum family family, const struct policy_element *element, bool ports,
		       struct buffer *out)
{
	struct json_object *object = json_object_new_object();
	struct buffer text = {0};
	char number[8];

	print_addresses(family, element, &text);
	json_object_object_add(object, ports ? "address" : "cidr",
			       json_object_new_string(text.data ? text.data : ""));
	if (ports) {
		json_object_object_add(object, "protocol",
				       json_object_new_string(protocol_name(element->protocol, number)));
		if (element->port_low == element->port_high) {
			json_object_object_add(object, "port", json_object_new_int(element->port_low));
		} else {
			text.size = 0;
			buffer_printf(&text, "%u-%u", element->port_low, element->port_high);
			json_object_object_add(object, "port",
					       json_object_new_string(text.data ? text.data : ""));
		}
	}
	if (element->comment)
		json_object_object_add(object, "comment", json_object_new_string(element->comment));
	if (element->expires)
		json_object_object_add(object, "expires", json_object_new_int64(element->expires));
	buffer_puts(out, json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE));
	buffer_puts(out, "\n");
	json_object_put(object);
	out->failed |= text.failed;
	buffer_fini(&text);
}

static void print_line(enum family family, const struct policy_element *element, bool ports,
		       struct buffer *out)
{
	char number[8], when[32];
	time_t expires = element->expires;
	struct tm broken;

	print_addresses(family, element, out);
	if (ports) {
		buffer_printf(out, " . %s %u", protocol_name(element->protocol, number), element->port_low);
		if (element->port_high != element->port_low)
			buffer_printf(out, "-%u", element->port_high);
	}
	if (element->comment && element->comment[0]) {
		buffer_puts(out, " \"");
		for (const char *c = element->comment; *c; c++)
			buffer_printf(out, "%c", *c == '"' ? '\'' : (unsigned char)*c < ' ' ? ' ' : *c);
		buffer_puts(out, "\"");
	}
	if (element->expires && gmtime_r(&expires, &broken) &&
	    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &broken))
		buffer_printf(out, " until %s", when);
	buffer_puts(out, "\n");
}

/* --- What becomes of a file */

struct edit {
	struct arena *arena;
	const struct source *source;
	bool ports, json;
	const struct set_asked *asked;
	struct policy_list_result there; /* in the order of their lines */
	struct set_file *file;
	int error;
};

static void put(struct edit *edit, enum family family, const struct policy_element *element)
{
	if (edit->json)
		print_json(family, element, edit->ports, &edit->file->text);
	else
		print_line(family, element, edit->ports, &edit->file->text);
}

static bool begins_with_json(const struct source *source)
{
	const char *at = source->data, *end = at + source->size;

	while (at < end) {
		while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
			at++;
		if (at < end && *at != '#' && *at != ';')
			return *at == '{';
		while (at < end && *at != '\n')
			at++;
	}
	return false;
}

/* What is left of an element; all of it stays: *whole. */
static int take_away(struct edit *edit, enum family family, const struct policy_element *element,
		     struct policy_elements *left, bool *whole)
{
	const struct policy_elements *asked = &edit->asked->elements[family];
	struct address_range range = {element->low, element->high};
	struct policy_element *copy;
	int error;

	*whole = true;
	if (!policy_elements_meet(asked, range))
		return 0;
	copy = (struct policy_element *)arena_copy(edit->arena, (const char *)element, sizeof(*element));
	if (!copy)
		return -ENOMEM;
	*left = (struct policy_elements){.elements = copy, .count = 1, .capacity = 1};
	error = policy_elements_subtract(edit->arena, left, asked);
	*whole = !error && left->count == 1 && left->elements[0].low == element->low &&
		 left->elements[0].high == element->high && left->elements[0].port_low == element->port_low &&
		 left->elements[0].port_high == element->port_high;
	return error;
}

/* One line, with its end, of which that element is. */
static int remove_from_line(struct edit *edit, enum family family, const struct policy_element *element,
			    struct text line)
{
	struct policy_elements left = {0};
	bool whole;
	int error = take_away(edit, family, element, &left, &whole);

	if (error)
		return error;
	if (whole) {
		buffer_add(&edit->file->text, line.data, line.size);
		return 0;
	}
	edit->file->removed += left.count == 0;
	edit->file->cut += left.count > 0;
	for (size_t i = 0; i < left.count; i++)
		put(edit, family, &left.elements[i]);
	return 0;
}

static struct text line_at(const struct source *source, size_t at)
{
	const char *begin = source->data + at, *end = memchr(begin, '\n', source->size - at);

	return (struct text){begin, end ? (size_t)(end - begin) + 1 : source->size - at};
}

/* Lines in their order, with what is left of those that hold something that is asked for. */
static int remove_lines(struct edit *edit)
{
	size_t next[FAMILY_COUNT] = {0};
	int error = 0;

	for (size_t at = 0; at < edit->source->size && !error;) {
		struct text line = line_at(edit->source, at);
		bool copied = false;
		for (enum family family = 0; family < FAMILY_COUNT && !copied && !error; family++) {
			const struct policy_elements *there = &edit->there.elements[family];
			if (next[family] == there->count ||
			    there->elements[next[family]].begin >= at + line.size)
				continue;
			error = remove_from_line(edit, family, &there->elements[next[family]++], line);
			copied = true;
		}
		if (!copied) /* a comment, or one whose time is over */
			buffer_add(&edit->file->text, line.data, line.size);
		at += line.size;
	}
	return error;
}

/* --- What is not in the file */

static int compare_numbers(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* Copies those of which `wanted` says so, merged. */
static int some_of(struct arena *arena, enum family family, const struct policy_elements *from,
		   bool (*wanted)(const struct policy_element *element, uint32_t time), uint32_t time,
		   struct policy_elements *some)
{
	*some = (struct policy_elements){.elements =
					     arena_array(arena, from->count + 1, sizeof(*some->elements))};
	if (!some->elements)
		return -ENOMEM;
	some->capacity = from->count + 1;
	for (size_t i = 0; i < from->count; i++)
		if (wanted(&from->elements[i], time))
			some->elements[some->count++] = from->elements[i];
	return some->count ? policy_elements_merge(arena, family, some) : 0;
}

static bool lasts(const struct policy_element *element, uint32_t time)
{
	return !element->expires || (time && element->expires >= time);
}

static bool any(const struct policy_element *element, uint32_t time)
{
	(void)element;
	(void)time;
	return true;
}

/* Those asked for that go by themselves, or those that stay. */
static bool goes(const struct policy_element *element, uint32_t time)
{
	return (element->expires != 0) == (time != 0);
}

/* Gives each element of `asked` of which a part is not in `there` to `each`. */
static int each_missing(struct edit *edit, enum family family, const struct policy_elements *asked,
			const struct policy_elements *there,
			void (*each)(struct edit *edit, enum family family,
				     const struct policy_element *element))
{
	struct policy_elements left;
	uint32_t *lines;
	int error = some_of(edit->arena, family, asked, any, 0, &left);

	if (!error)
		error = policy_elements_subtract(edit->arena, &left, there);
	lines = error ? NULL : arena_array(edit->arena, left.count + 1, sizeof(*lines));
	if (!lines)
		return error ? error : -ENOMEM;
	for (size_t i = 0; i < left.count; i++)
		lines[i] = left.elements[i].begin; /* what tells one that was asked for from another */
	if (left.count)
		qsort(lines, left.count, sizeof(*lines), compare_numbers);
	for (size_t i = 0; i < asked->count; i++)
		if (bsearch(&asked->elements[i].begin, lines, left.count, sizeof(*lines), compare_numbers))
			each(edit, family, &asked->elements[i]);
	return 0;
}

static void add_line(struct edit *edit, enum family family, const struct policy_element *element)
{
	put(edit, family, element);
	edit->file->added++;
}

static void count_missed(struct edit *edit, enum family family, const struct policy_element *element)
{
	(void)family;
	(void)element;
	edit->file->missed++;
}

/* Those that the file does not have for as long. */
static int add_lines(struct edit *edit)
{
	const struct source *source = edit->source;
	int error = 0;

	buffer_add(&edit->file->text, source->data, source->size);
	if (source->size && source->data[source->size - 1] != '\n')
		buffer_puts(&edit->file->text, "\n");
	for (enum family family = 0; family < FAMILY_COUNT && !error; family++) {
		const struct policy_elements *asked = &edit->asked->elements[family];
		struct policy_elements part, there;
		uint32_t latest = 0;
		for (size_t i = 0; i < asked->count; i++)
			if (asked->elements[i].expires > latest)
				latest = asked->elements[i].expires;
		for (int timed = 0; timed < 2 && !error; timed++) {
			error = some_of(edit->arena, family, asked, goes, (uint32_t)timed, &part);
			if (!error)
				error = some_of(edit->arena, family, &edit->there.elements[family], lasts,
						timed ? latest : 0, &there);
			if (!error && part.count)
				error = each_missing(edit, family, &part, &there, add_line);
		}
	}
	return error;
}

static int count_all_missed(struct edit *edit)
{
	int error = 0;

	for (enum family family = 0; family < FAMILY_COUNT && !error; family++) {
		struct policy_elements there;
		error = some_of(edit->arena, family, &edit->there.elements[family], any, 0, &there);
		if (!error)
			error =
			    each_missing(edit, family, &edit->asked->elements[family], &there, count_missed);
	}
	return error;
}

/* --- Reading and writing it */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int read_list(struct edit *edit, const char *path, enum policy_set_type type)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct source *source = NULL;
	struct buffer text = {0};
	struct stat status;
	int error = sink ? 0 : -ENOMEM;

	if (!error && stat(path, &edit->file->status) < 0)
		error = -errno;
	if (!error && !S_ISREG(edit->file->status.st_mode))
		error = -EINVAL;
	if (!error)
		error = source_read(edit->arena, path, &source);
	/* Of one that changes while it is read the time tells. */
	if (!error && (stat(path, &status) < 0 || !is_same_file(&status, &edit->file->status)))
		error = -ESTALE;
	if (error)
		return command_fail("set", EXIT_SYSTEM, "%s: %s: nothing was changed", path,
				    strerror(-error));
	edit->source = source;
	edit->json = begins_with_json(source);
	error = policy_list_read(edit->arena, sink, source, 0, type, POLICY_FORMAT_PLAIN, edit->asked->now,
				 &edit->there);
	if (!error)
		return EXIT_DONE;
	diagnostics_print(sink, &text);
	if (text.data)
		fputs(text.data, stderr);
	buffer_fini(&text);
	return command_fail("set", error == -ENOMEM ? EXIT_SYSTEM : EXIT_USAGE,
			    "%s cannot be read as a list: nothing was changed", path);
}

int set_file_prepare(struct arena *arena, const char *path, const struct set_lists *lists,
		     const struct set_asked *asked, bool remove, struct set_file *file)
{
	struct edit edit = {
	    .arena = arena, .asked = asked, .file = file, .ports = policy_set_has_ports(lists->type)};
	int error, code;

	*file = (struct set_file){.path = path};
	code = read_list(&edit, path, lists->type);
	if (code)
		return code;
	error = remove ? remove_lines(&edit) : add_lines(&edit);
	if (!error && remove)
		error = count_all_missed(&edit);
	if (!error && file->text.failed)
		error = -ENOMEM;
	if (!error && file->text.size > SOURCE_SIZE_MAX)
		error = -EFBIG;
	return error ? command_fail("set", EXIT_SYSTEM, "%s: %s: nothing was changed", path, strerror(-error))
		     : EXIT_DONE;
}

int set_file_write(const struct set_file *file)
{
	char copy[PATH_MAX], *slash;
	struct stat now;
	int directory, error;

	if (!file->added && !file->removed && !file->cut)
		return 0;
	size_t size = strlen(file->path) + 1;
	if (size > sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, file->path, size);
	slash = strrchr(copy, '/');
	*slash = 0; /* it is absolute */
	directory = open(slash == copy ? "/" : copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return -errno;
	if (fstatat(directory, slash + 1, &now, AT_SYMLINK_NOFOLLOW) < 0)
		error = -errno;
	else if (!is_same_file(&now, &file->status))
		error = -ESTALE;
	else
		error = file_replace_as(directory, slash + 1, (struct text){file->text.data, file->text.size},
					&file->status);
	close(directory);
	return error;
}

void set_file_fini(struct set_file *file)
{
	buffer_fini(&file->text);
}
