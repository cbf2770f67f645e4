/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir detach: takes weir's own programs away, and no other. */
#include "command/command.h"
#include "kernel/attach.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: weir detach IFACE\n"
    "       weir detach --all\n"
    "\n"
    "Takes weir's program away from the interface; the kernel's rules go on dropping what they drop.\n"
    "Without weir: ip link set dev IFACE xdp off\n"
    "Where an applied policy names the interface, the next weir apply or weir daemon attaches it again: "
    "there,\n"
    "xdp off in the policy is what lasts.\n"
    "\n"
    "  --all                   from all interfaces of this network namespace\n"
    "  --help\n";

static int detach_one(const struct link *link, bool named)
{
	struct buffer why = {0};
	int error = attach_remove(link->index, &why), code = EXIT_DONE;

	if (!error)
		printf("%s: detached\n", link->name);
	else if (error == -ENOENT && named)
		code = command_fail("detach", EXIT_SYSTEM, "%s: weir is not attached there", link->name);
	else if (error == -EPERM || error == -EACCES)
		code = command_fail("detach", EXIT_SYSTEM, "%s: not permitted; weir needs root", link->name);
	else if (error != -ENOENT && (named || error != -EBUSY))
		code = command_fail("detach", EXIT_SYSTEM, "%s: %s", link->name,
				    why.data ? why.data : strerror(-error));
	buffer_fini(&why);
	return code;
}

static int run(struct arena *arena, const char *interface)
{
	struct link single, *links = &single;
	size_t count = 1;
	int code = EXIT_DONE, error;

	error = interface ? link_read(arena, interface, &single) : link_with_xdp(arena, &links, &count);
	if (error == -ENODEV)
		return command_fail("detach", EXIT_SYSTEM, "%s: no such interface in this network namespace",
				    interface);
	if (error)
		return command_fail("detach", EXIT_SYSTEM, "cannot read the interfaces: %s",
				    strerror(-error));
	for (size_t i = 0; i < count; i++) {
		int one = detach_one(&links[i], interface != NULL);

		if (one)
			code = one;
	}
	return code;
}

static int detach_main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"all", no_argument, NULL, 'a'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct arena *arena;
	bool all = false;
	int option, code;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		if (option != 'a')
			return EXIT_USAGE;
		all = true;
	}
	if (argc - optind != !all)
		return command_fail("detach", EXIT_USAGE, "give one interface, or --all");
	arena = arena_new();
	if (!arena)
		return command_fail("detach", EXIT_SYSTEM, "out of memory");
	code = run(arena, all ? NULL : argv[optind]);
	arena_free(arena);
	return code;
}

const struct command command_detach = {"detach", detach_main, "take weir away from an interface"};
