/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whatever is done in the place of a state's rules for backends, and wherever it ends, what the kernel has
 * then is on file: the next one knows it, and goes on. In a network namespace of its own. */
#include "kernel/state_overlay.h"
#include "kernel/nft_stage.h"
#include "read/program.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TABLE(RULES) "table ip weir { chain other { }; chain nat-weir-balance-1 { " RULES " }; }"

static const char base_script[] = TABLE("meta mark 1 counter; meta mark 2 counter;"),
		  first_script[] = TABLE("meta mark 1 counter;"),
		  second_script[] = TABLE("meta mark 2 counter;"),
		  refused_script[] = TABLE("meta mark 2 counter; jump other;");

static char path[64];
static struct state_store store = STATE_STORE_NONE;
static struct nft_image *base, *first, *second, *refused;
static bool able;

static struct nft_image *part_of(const char *script)
{
	struct nft_image *image = NULL, *part = NULL;
	struct buffer why = {0};

	if (!nft_stage((struct text){script, strlen(script)}, &image, &why))
		assert_int_equal(nft_part_take(image, STATE_OVERLAY_WORD, &part), 0);
	else
		print_message("# %s\n", why.data ? why.data : "");
	nft_image_free(image);
	buffer_fini(&why);
	return part;
}

static int nft(const char *words)
{
	const char *const arguments[] = {"nft", words, NULL};
	struct program_result result;
	int error = program_run(arguments, 4096, &result);

	if (!error && result.status)
		error = -EINVAL;
	program_result_fini(&result);
	return error;
}

static int begin(void **state)
{
	struct buffer why = {0};

	(void)state;
	strcpy(path, "/tmp/weir-overlay-XXXXXX");
	if (!mkdtemp(path) || state_store_open(path, true, &store, &why))
		return -1;
	if ((mkdirat(store.directory, "states", 0700) < 0 && errno != EEXIST) ||
	    mkdirat(store.directory, "states/1", 0700) < 0)
		return -1;
	able = !program_own_network() && !nft("list ruleset");
	if (!able)
		return 0;
	base = part_of(base_script);
	first = part_of(first_script);
	second = part_of(second_script);
	refused = part_of(refused_script);
	return base && first && second && refused ? 0 : -1;
}

static int end(void **state)
{
	struct nft_image *const all[] = {base, first, second, refused};
	char command[128];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		nft_image_free(all[i]);
	state_store_close(&store);
	snprintf(command, sizeof(command), "rm -r %s", path);
	return system(command);
}

static int put(const struct nft_image *target)
{
	struct buffer why = {0};
	int error = state_overlay_put(&store, 1, base, target, &why);

	if (error)
		print_message("# %s\n", why.data ? why.data : strerror(-error));
	buffer_fini(&why);
	return error;
}

static void begin_anew(void)
{
	if (!able)
		skip();
	nft("delete table ip weir");
	/* without the chain that one of the rules jumps to */
	assert_int_equal(nft("add table ip weir; add chain ip weir nat-weir-balance-1; "
			     "add rule ip weir nat-weir-balance-1 meta mark 1 counter; "
			     "add rule ip weir nat-weir-balance-1 meta mark 2 counter"),
			 0);
}

static void what_is_put_is_on_file_until_it_is_taken_back(void **state)
{
	(void)state;
	begin_anew();
	assert_int_equal(put(first), 0);
	assert_int_equal(faccessat(store.directory, "states/1/overlay", F_OK, 0), 0);
	assert_int_equal(put(second), 0);
	assert_int_equal(put(base), 0);
	assert_int_not_equal(faccessat(store.directory, "states/1/overlay", F_OK, 0), 0);
}

/* Killed behind the change of the rules and before that of the files; the next one comes no further than to
 * its file. */
static void what_is_in_force_stays_on_file_while_the_next_is_written(void **state)
{
	(void)state;
	begin_anew();
	assert_int_equal(put(first), 0);
	assert_int_equal(
	    renameat(store.directory, "states/1/overlay", store.directory, "states/1/overlay.next"), 0);
	assert_int_not_equal(put(refused), 0);
	assert_int_equal(put(second), 0);
	assert_int_equal(put(base), 0);
}

static void rules_of_others_are_left_alone(void **state)
{
	(void)state;
	begin_anew();
	assert_int_equal(nft("add rule ip weir nat-weir-balance-1 meta mark 3"), 0);
	assert_int_equal(put(first), -ESTALE);
}

/* With a set, which is not read with the chains. */
static void rules_of_others_keep_nobody_from_another_state(void **state)
{
	struct nft_image *target = NULL;

	(void)state;
	begin_anew();
	assert_int_equal(put(first), 0);
	assert_int_equal(nft("add rule ip weir nat-weir-balance-1 meta mark { 3, 5 }"), 0);
	int lock = openat(store.directory, DAEMON_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_true(state_overlay_held(&store));
	assert_int_equal(state_overlay_keep(&store, 1, 2, &target), 0);
	assert_null(target);
	close(lock);
	assert_int_equal(put(second), -ESTALE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_put_is_on_file_until_it_is_taken_back),
	    cmocka_unit_test(what_is_in_force_stays_on_file_while_the_next_is_written),
	    cmocka_unit_test(rules_of_others_are_left_alone),
	    cmocka_unit_test(rules_of_others_keep_nobody_from_another_state),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
