/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir set: members of the sets that are applied, by netlink: one or many thousand in one transaction. */
#include "command/set.h"
#include "command/applied.h"
#include "command/command.h"
#include "command/set_early.h"
#include "command/set_file.h"
#include "kernel/nft_known.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

static const char help[] =
    "Usage: weir set add SET MEMBER... [options]\n"
    "       weir set del SET MEMBER...\n"
    "       weir set test SET MEMBER...\n"
    "       weir set list [SET]\n"
    "       weir set flush SET\n"
    "\n"
    "Changes the members of a set that weir apply has put in force, in one transaction; all else stays as "
    "it\n"
    "is, counters too. What is added or taken away so lasts until the next weir apply; with --permanent it\n"
    "is written to the set's list file, too.\n"
    "\n"
    "SET: its name in the policy, or in ipset. MEMBER: an address, network or range, in sets with ports\n"
    "\"192.0.2.1 . tcp 443\" or 192.0.2.1,tcp:443; - reads lines from standard input, as list files have "
    "them.\n"
    "A set is the addresses in it: of 192.0.2.0/24 that is in, 192.0.2.7 can be taken away alone.\n"
    "Behind a member may stand: timeout TIME (90s, 5min, 12h, 1d; 0: it stays), until TIME, comment TEXT. A\n"
    "member that is in and goes later, or stays, is left as it is.\n"
    "\n"
    "  --permanent             add, del: change the list file that the policy has for the set, too\n"
    "  --file FILE             which of them, where it has several\n" STATE_OPTION_HELP
    "  --json                  as JSON\n"
    "  --help\n"
    "\n"
    "Exit status: 0 done, or all are in the set; 1 test: not all are; 2 bad usage or input, 3 the system\n"
    "refused.\n";

#define LOCK_WAIT 10 /* s */
#define TRIES 20

enum verb { VERB_ADD, VERB_DEL, VERB_TEST, VERB_LIST, VERB_FLUSH, VERB_COUNT };
static const char *const verb_names[VERB_COUNT] = {"add", "del", "test", "list", "flush"};

struct set_command {
	enum verb verb;
	const char *directory;
	bool json, permanent;
	const char *file_name; /* that --file says; NULL: none */
	struct set_asked asked;
	struct set_lists lists;
	struct set_file file; /* with --permanent */
	struct nft_member_change done[FAMILY_COUNT];
	struct arena *arena;
	struct nft_image *image;
	struct nft_set *sets[FAMILY_COUNT]; /* found under that name */
	struct nft_shape shapes[FAMILY_COUNT];
	/* Results. */
	size_t changed, unchanged;
};

static int fail(int code, const char *text)
{
	return command_fail("set", code, "%s", text);
}

/* --- Finding it */

/* As ipset has it, as nft_print() names it, as a policy's. */
static int make_candidates(struct set_asked *asked)
{
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		char(*names)[NFT_NAME_MAXLEN] = asked->candidates[family];
		int sizes[SET_CANDIDATES] = {snprintf(names[0], sizeof(names[0]), "%s", asked->name),
					     snprintf(names[1], sizeof(names[1]), "set-%s", asked->name),
					     snprintf(names[2], sizeof(names[2]), "weir-%s-%c", asked->name,
						      family == FAMILY_IPV4 ? '4' : '6')};
		for (size_t i = 0; i < SET_CANDIDATES; i++)
			if (sizes[i] < 0 || sizes[i] >= NFT_NAME_MAXLEN)
				return command_fail("set", EXIT_USAGE, "%s: a name too long for a set",
						    asked->name);
	}
	return EXIT_DONE;
}

static int read_sets(struct set_command *command, bool members)
{
	const char *names[FAMILY_COUNT * SET_CANDIDATES];
	struct buffer why = {0};
	size_t count = 0;
	int error, code = EXIT_DONE;

	nft_image_free(command->image);
	command->image = NULL;
	for (int family = 0; family < FAMILY_COUNT && members; family++)
		for (size_t i = 0; i < SET_CANDIDATES; i++)
			names[count++] = command->asked.candidates[family][i];
	error = nft_image_read_sets(names, count, command->verb == VERB_LIST, &command->image, &why);
	if (error)
		code = applied_fail("set", error, &why);
	buffer_fini(&why);
	return code;
}

static struct nft_set *find_set(const struct set_command *command, enum family family)
{
	for (size_t i = 0; i < SET_CANDIDATES; i++) {
		struct nft_set *set =
		    nft_image_set(&command->image->tables[family], command->asked.candidates[family][i]);
		if (set && !set->anonymous)
			return set;
	}
	return NULL;
}

static int find_sets(struct set_command *command, bool members)
{
	int code = read_sets(command, members);

	if (code)
		return code;
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		command->sets[family] = find_set(command, family);
		if (command->sets[family] && nft_set_shape(command->sets[family], &command->shapes[family]))
			return command_fail("set", EXIT_USAGE,
					    "%s is neither a set of addresses nor one of addresses and ports",
					    command->asked.name);
	}
	if (!command->sets[FAMILY_IPV4] && !command->sets[FAMILY_IPV6])
		return command_fail("set", EXIT_USAGE, "no set %s is applied: weir set list says which are",
				    command->asked.name);
	return EXIT_DONE;
}

static int check_asked(const struct set_command *command)
{
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		const struct set_asked *asked = &command->asked;
		if (!asked->count[family])
			continue;
		if (!command->sets[family])
			return command_fail("set", EXIT_USAGE,
					    "%s has no addresses of IPv%c: nothing was changed", asked->name,
					    family == FAMILY_IPV4 ? '4' : '6');
		for (size_t i = 0; i < asked->count[family] && command->verb == VERB_ADD; i++)
			if (asked->members[family][i].timeout && !command->shapes[family].timeouts)
				return command_fail(
				    "set", EXIT_USAGE,
				    "the members of %s have no time to go: nothing was changed", asked->name);
	}
	return EXIT_DONE;
}

/* --- Changing it */

static const struct nft_element **pointers_to_added(struct set_command *command,
						    const struct nft_member_change *change)
{
	const struct nft_element **added =
	    arena_array(command->arena, change->added + 1, sizeof(const struct nft_element *));

	for (size_t i = 0; added && i < change->added; i++)
		added[i] = &change->add[i];
	return added;
}

static int put_family(struct set_command *command, enum family family, struct nft_batch *batch)
{
	const struct nft_set *set = command->sets[family];
	const struct nft_shape *shape = &command->shapes[family];
	const struct nft_member *members = command->asked.members[family];
	size_t count = command->asked.count[family];
	struct nft_member_change *change = &command->done[family];
	int error = command->verb == VERB_ADD
			? nft_members_add(command->arena, set, shape, members, count, change)
			: nft_members_remove(command->arena, set, shape, members, count, change);
	const struct nft_element **added = error ? NULL : pointers_to_added(command, change);

	if (error || !added)
		return error ? error : -ENOMEM;
	nft_put_elements(batch, family, set, true, change->remove, change->removed);
	nft_put_elements(batch, family, set, false, added, change->added);
	command->changed += change->changed;
	command->unchanged += count - change->changed;
	return 0;
}

/* As it was before, in one transaction, whatever else has changed meanwhile: of which generation it is, is
 * not known then. */
static int undo(struct set_command *command, struct buffer *why)
{
	struct nft_batch batch;
	int error = 0;

	nft_batch_begin(&batch, 0);
	for (enum family family = 0; family < FAMILY_COUNT && !error; family++) {
		const struct nft_member_change *change = &command->done[family];
		const struct nft_element **added = pointers_to_added(command, change);
		if (!added) {
			buffer_puts(why, "out of memory");
			error = -ENOMEM;
		} else if (command->asked.count[family]) {
			nft_put_elements(&batch, family, command->sets[family], true, added, change->added);
			nft_put_elements(&batch, family, command->sets[family], false, change->remove,
					 change->removed);
		}
	}
	if (!error)
		error = nft_batch_send(&batch, why);
	nft_known_forget();
	nft_batch_fini(&batch);
	return error;
}

static int change_once(struct set_command *command, struct buffer *why)
{
	struct nft_batch batch;
	int error = 0;

	command->changed = command->unchanged = 0;
	nft_batch_begin(&batch, command->image->generation);
	for (enum family family = 0; family < FAMILY_COUNT && !error; family++) {
		if (command->verb == VERB_FLUSH && command->sets[family]) {
			command->changed += command->sets[family]->count;
			nft_put_flush(&batch, family, command->sets[family]);
		} else if (command->asked.count[family]) {
			error = put_family(command, family, &batch);
		}
	}
	if (error)
		buffer_puts(why, error == -E2BIG ? "too many single addresses" : strerror(-error));
	else
		error = nft_batch_send(&batch, why);
	/* Of a set that is empty by now nothing goes, and the kernel counts no generation. */
	if (command->verb == VERB_FLUSH)
		nft_known_forget();
	else if (!error && batch.count > 2)
		nft_known_append(command->image->generation, &batch);
	nft_batch_fini(&batch);
	return error;
}

/* What of the sets must be known: the elements that are asked for, or, where these do not do, all of them. */
static int learn(struct set_command *command, bool all)
{
	int error = 0, code = find_sets(command, all);
	bool whole = true;

	for (enum family family = 0; family < FAMILY_COUNT && !code && !error && !all && whole; family++)
		if (command->asked.count[family])
			error = nft_members_fetch(command->arena, family, command->sets[family],
						  &command->shapes[family], command->asked.members[family],
						  command->asked.count[family],
						  command->verb == VERB_ADD   ? NFT_FETCH_ADD
						  : command->verb == VERB_DEL ? NFT_FETCH_REMOVE
									      : NFT_FETCH_TEST,
						  &whole);
	if (error)
		return fail(EXIT_SYSTEM, strerror(-error));
	return !code && !whole ? find_sets(command, true) : code;
}

/* As often as others change the rules meanwhile; with all members when a few were not enough. */
static int change(struct set_command *command)
{
	struct buffer why = {0};
	bool all = command->verb == VERB_FLUSH;
	int error = -ERESTART, code = EXIT_DONE;

	for (unsigned i = 0; i < TRIES && error == -ERESTART && !code; i++) {
		why.size = 0;
		code = learn(command, all);
		if (!code)
			error = change_once(command, &why);
		if (!code && !all && (error == -EEXIST || error == -ENOTEMPTY || error == -ENOENT)) {
			all = true;
			error = -ERESTART;
		}
	}
	if (!code && error)
		code = command_fail("set", EXIT_SYSTEM, "%s: %s: nothing was changed", command->asked.name,
				    why.data ? why.data : strerror(-error));
	buffer_fini(&why);
	return code;
}

/* --- The list file */

static int write_file(struct set_command *command)
{
	struct buffer why = {0};
	int error = set_file_write(&command->file);

	if (!error)
		return EXIT_DONE;
	const char *words = error == -ESTALE ? "somebody has changed it meanwhile" : strerror(-error);
	int failed = undo(command, &why);
	int code = command_fail("set", EXIT_SYSTEM, "%s: cannot write %s: %s: %s%s", command->asked.name,
				command->file.path, words,
				failed ? "the set in the kernel is changed, and could not be put back: "
				       : "nothing was changed",
				failed && why.data ? why.data : "");
	buffer_fini(&why);
	return code;
}

static void report_file(const struct set_command *command, struct json_object *object)
{
	const struct set_file *file = &command->file;

	if (object) {
		struct json_object *about = json_object_new_object();
		json_object_object_add(about, "path", json_object_new_string(file->path));
		json_object_object_add(about, "added", json_object_new_int64((int64_t)file->added));
		json_object_object_add(about, "removed", json_object_new_int64((int64_t)file->removed));
		json_object_object_add(about, "cut", json_object_new_int64((int64_t)file->cut));
		json_object_object_add(about, "missed", json_object_new_int64((int64_t)file->missed));
		json_object_object_add(object, "file", about);
		return;
	}
	printf("%s:", file->path);
	if (command->verb == VERB_ADD)
		printf(" %zu line%s added\n", file->added, file->added == 1 ? "" : "s");
	else
		printf(" %zu line%s removed%s\n", file->removed + file->cut,
		       file->removed + file->cut == 1 ? "" : "s", file->cut ? ", or in part" : "");
	if (file->missed)
		command_fail(
		    "set", EXIT_DONE,
		    "%zu of those deleted %s not, or not whole, in %s: what the policy has from elsewhere "
		    "is back with the next weir apply",
		    file->missed, file->missed == 1 ? "is" : "are", file->path);
}

static int report(const struct set_command *command)
{
	static const char *const done[VERB_COUNT] = {
	    [VERB_ADD] = "added", [VERB_DEL] = "deleted", [VERB_FLUSH] = "deleted"};
	static const char *const already[VERB_COUNT] = {[VERB_ADD] = "already in", [VERB_DEL] = "not in"};

	if (command->json) {
		struct json_object *object = json_object_new_object();
		json_object_object_add(object, "set", json_object_new_string(command->asked.name));
		json_object_object_add(object, "changed", json_object_new_int64((int64_t)command->changed));
		json_object_object_add(object, "unchanged",
				       json_object_new_int64((int64_t)command->unchanged));
		if (command->permanent)
			report_file(command, object);
		return command_print_json(object);
	}
	printf("%s: %zu %s", command->asked.name, command->changed, done[command->verb]);
	if (command->unchanged)
		printf(", %zu %s", command->unchanged, already[command->verb]);
	puts("");
	if (command->permanent)
		report_file(command, NULL);
	return EXIT_DONE;
}

/* --- Looking at it */

static int test_family(struct set_command *command, enum family family, struct json_object *array, bool *all)
{
	size_t count = command->asked.count[family];
	bool *in = arena_array(command->arena, count + 1, sizeof(*in));
	int error = in ? nft_members_test(command->arena, command->sets[family], &command->shapes[family],
					  command->asked.members[family], count, in)
		       : -ENOMEM;

	for (size_t i = 0; i < count && !error; i++) {
		struct buffer text = {0};
		set_member_text(&command->shapes[family], &command->asked.members[family][i], &text);
		*all &= in[i];
		if (array) {
			struct json_object *object = json_object_new_object();
			json_object_object_add(object, "member",
					       json_object_new_string(text.data ? text.data : ""));
			json_object_object_add(object, "in", json_object_new_boolean(in[i]));
			json_object_array_add(array, object);
		} else {
			printf("%s is %s %s\n", text.data ? text.data : "", in[i] ? "in" : "not in",
			       command->asked.name);
		}
		buffer_fini(&text);
	}
	return error;
}

static int test(struct set_command *command)
{
	struct json_object *array = command->json ? json_object_new_array() : NULL;
	bool all = true;
	int error = 0, code = EXIT_DONE;

	for (enum family family = 0; family < FAMILY_COUNT && !error; family++)
		if (command->asked.count[family])
			error = test_family(command, family, array, &all);
	if (array)
		code = command_print_json(array);
	if (error)
		return fail(EXIT_SYSTEM, strerror(-error));
	return code ? code : all ? EXIT_DONE : EXIT_FINDINGS;
}

static void print_member(const struct nft_shape *shape, const struct nft_member *member,
			 struct json_object *array)
{
	const struct nft_element *element = member->element;
	struct buffer text = {0};
	char comment[256];
	bool commented = set_member_comment(element, comment);
	uint64_t seconds = (element->expires + 999) / 1000;

	set_member_text(shape, member, &text);
	if (array) {
		struct json_object *object = json_object_new_object();
		json_object_object_add(object, "member", json_object_new_string(text.data ? text.data : ""));
		if (element->counted) {
			json_object_object_add(object, "packets",
					       json_object_new_int64((int64_t)element->packets));
			json_object_object_add(object, "bytes",
					       json_object_new_int64((int64_t)element->bytes));
		}
		if (element->timed)
			json_object_object_add(object, "timeout", json_object_new_int64((int64_t)seconds));
		if (commented)
			json_object_object_add(object, "comment", json_object_new_string(comment));
		json_object_array_add(array, object);
	} else {
		if (element->counted)
			buffer_printf(&text, " packets %" PRIu64 " bytes %" PRIu64, element->packets,
				      element->bytes);
		if (element->timed)
			buffer_printf(&text, " timeout %" PRIu64 "s", seconds);
		if (commented)
			buffer_printf(&text, " \"%s\"", comment);
		for (size_t i = 0; i < text.size; i++) /* a comment is anybody's */
			if ((unsigned char)text.data[i] < ' ' || text.data[i] == 127)
				text.data[i] = '?';
		puts(text.data ? text.data : "");
	}
	buffer_fini(&text);
}

static int list(struct set_command *command)
{
	struct json_object *array = command->json ? json_object_new_array() : NULL;
	int error = 0, code = EXIT_DONE;

	for (enum family family = 0; family < FAMILY_COUNT && !error; family++) {
		const struct nft_set *set = command->sets[family];
		struct nft_member *members;
		if (!set)
			continue;
		error = nft_members(command->arena, set, &command->shapes[family], &members);
		for (size_t i = 0; i < set->count && !error; i++)
			print_member(&command->shapes[family], &members[i], array);
	}
	if (array)
		code = command_print_json(array);
	return error ? fail(EXIT_SYSTEM, strerror(-error)) : code;
}

/* The sets that there are. */
static int list_names(struct set_command *command)
{
	struct json_object *array = json_object_new_array();
	int code = read_sets(command, false);

	for (int family = 0; family < FAMILY_COUNT && !code; family++)
		for (size_t i = 0; i < command->image->tables[family].set_count; i++) {
			const struct nft_set *set = &command->image->tables[family].sets[i];
			if (set->anonymous)
				continue;
			/* By the name that ipset has for it. */
			const char *name = strncmp(set->name, "set-", 4) == 0 ? set->name + 4 : set->name;
			if (command->json) {
				struct json_object *object = json_object_new_object();
				json_object_object_add(object, "set", json_object_new_string(name));
				json_object_object_add(
				    object, "family",
				    json_object_new_string(family == FAMILY_IPV4 ? "ipv4" : "ipv6"));
				json_object_array_add(array, object);
			} else {
				puts(name);
			}
		}
	if (command->json && !code)
		return command_print_json(array);
	json_object_put(array);
	return code;
}

/* --- The command */

/* A member that would ban whom a failsafe lets in. */
static int check_failsafes(const struct set_command *command)
{
	const struct set_lists *lists = &command->lists;

	for (size_t i = 0; i < lists->failsafe_count; i++) {
		const struct set_failsafe *failsafe = &lists->failsafes[i];
		const struct policy_element *found =
		    policy_elements_meet(&command->asked.elements[failsafe->family], failsafe->range);
		struct buffer text = {0};
		if (!found)
			continue;
		address_print(failsafe->family, found->low, &text);
		if (found->low != found->high) {
			buffer_puts(&text, "-");
			address_print(failsafe->family, found->high, &text);
		}
		int code = command_fail("set", EXIT_USAGE,
					"%s would ban whom the failsafe at %s lets in: nothing was changed",
					text.data ? text.data : "", failsafe->place);
		buffer_fini(&text);
		return code;
	}
	return EXIT_DONE;
}

static int take_members(struct set_command *command, const char *const *arguments, size_t count)
{
	bool ports = command->sets[FAMILY_IPV4] ? command->shapes[FAMILY_IPV4].ports
						: command->shapes[FAMILY_IPV6].ports;
	enum policy_set_type type = ports ? POLICY_SET_NET_PORT : POLICY_SET_NET;
	int code;

	if (!count)
		return fail(EXIT_USAGE, "no members given: name them, or - for standard input");
	if (command->permanent && command->lists.found)
		type = command->lists.type; /* what the file may hold */
	code = set_members_read(command->arena, arguments, count, type, command->verb != VERB_TEST,
				command->verb == VERB_ADD ? command->lists.timeout : 0, &command->asked);
	if (!code && command->verb == VERB_ADD)
		code = check_failsafes(command);
	return code ? code : check_asked(command);
}

/* What the policy in force says of the set. */
static int read_lists(struct set_command *command, struct state_store *store,
		      const struct state_pending *trial)
{
	struct buffer why = {0};
	uint32_t number = trial->number;
	int code = EXIT_DONE, error = 0;

	if (trial->kind != STATE_PENDING_TRY)
		error = state_current(store, &number, &why);
	if (!error)
		error =
		    set_lists_read(store, command->arena, number, command->asked.name, &command->lists, &why);
	if (error)
		code = applied_fail("set", error, &why);
	buffer_fini(&why);
	return code;
}

static int prepare_file(struct set_command *command)
{
	const char *path;
	int code = set_file_choose(&command->lists, command->asked.name, command->file_name, &path);

	return code ? code
		    : set_file_prepare(command->arena, path, &command->lists, &command->asked,
				       command->verb == VERB_DEL, &command->file);
}

/* XDP gives way before, and follows whatever came of it. */
static int change_with_early(struct set_command *command, struct state_store *store)
{
	static const enum set_change changes[VERB_COUNT] = {
	    [VERB_ADD] = SET_ADDS, [VERB_DEL] = SET_REMOVES, [VERB_FLUSH] = SET_EMPTIES};
	struct early_report early = {0};
	int code = set_early_begin(store, changes[command->verb], &command->asked, &early), end;

	if (!code)
		code = change(command);
	if (!code && command->permanent)
		code = write_file(command);
	end = set_early_end(store, &early);
	early_report_fini(&early);
	return code ? code : end;
}

static int run(struct set_command *command, const char *const *arguments, size_t count)
{
	struct state_store store = STATE_STORE_NONE;
	bool changes = command->verb == VERB_ADD || command->verb == VERB_DEL || command->verb == VERB_FLUSH;
	struct state_pending trial;
	int code = EXIT_DONE;

	if (command->verb == VERB_LIST && !command->asked.name)
		return list_names(command);
	code = make_candidates(&command->asked);
	if (!code && changes)
		code = applied_open("set", command->directory, LOCK_WAIT, &store, &trial);
	if (!code && changes)
		code = applied_no_early_drop("set");
	if (!code && changes && command->verb != VERB_FLUSH)
		code = read_lists(command, &store, &trial);
	if (!code)
		code = find_sets(command, command->verb == VERB_LIST);
	if (!code && command->verb != VERB_LIST && command->verb != VERB_FLUSH)
		code = take_members(command, arguments, count);
	if (!code && command->permanent)
		code = prepare_file(command);
	if (!code && changes)
		code = change_with_early(command, &store);
	else if (!code && command->verb == VERB_TEST)
		code = learn(command, false);
	if (!code)
		code = changes ? report(command) : command->verb == VERB_TEST ? test(command) : list(command);
	state_store_close(&store);
	return code;
}

static int take_verb(struct set_command *command, const char *name)
{
	for (enum verb verb = 0; verb < VERB_COUNT; verb++)
		if (name && strcmp(name, verb_names[verb]) == 0) {
			command->verb = verb;
			return EXIT_DONE;
		}
	return command_fail("set", EXIT_USAGE, "%s%sexpected add, del, test, list or flush", name ? name : "",
			    name ? ": " : "");
}

static int set_main(int argc, char **argv)
{
	enum { STATE = 256, JSON, PERMANENT, FILE_NAME };
	static const struct option options[] = {{"state", required_argument, NULL, STATE},
						{"permanent", no_argument, NULL, PERMANENT},
						{"file", required_argument, NULL, FILE_NAME},
						{"json", no_argument, NULL, JSON},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct set_command command = {.json = false};
	int option, code;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case STATE:
			command.directory = optarg;
			break;
		case JSON:
			command.json = true;
			break;
		case PERMANENT:
			command.permanent = true;
			break;
		case FILE_NAME:
			command.file_name = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	code = take_verb(&command, optind < argc ? argv[optind] : NULL);
	if (code)
		return code;
	if (optind + 1 < argc)
		command.asked.name = argv[optind + 1];
	else if (command.verb != VERB_LIST)
		return fail(EXIT_USAGE, "no set given");
	size_t count = argc > optind + 2 ? (size_t)(argc - optind - 2) : 0;
	if (count && (command.verb == VERB_LIST || command.verb == VERB_FLUSH))
		return command_fail("set", EXIT_USAGE, "%s takes no members", verb_names[command.verb]);
	if (command.permanent && command.verb != VERB_ADD && command.verb != VERB_DEL)
		return command_fail("set", EXIT_USAGE, "%s: --permanent goes with add and del",
				    verb_names[command.verb]);
	if (command.file_name && !command.permanent)
		return fail(EXIT_USAGE, "--file goes with --permanent");
	command.arena = arena_new();
	code = command.arena ? run(&command, (const char *const *)(argv + optind + 2), count)
			     : fail(EXIT_SYSTEM, "out of memory");
	nft_image_free(command.image);
	set_file_fini(&command.file);
	if (command.arena)
		arena_free(command.arena);
	return code;
}

const struct command command_set = {
    .name = "set",
    .main = set_main,
    .summary = "members of the applied sets: add, del, test, list, flush",
};
