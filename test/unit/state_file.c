/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files and settings that are put in the place of others: what is said to have failed is as it was before,
 * and a setting that the kernel has no longer keeps nobody from going on. */
#include "kernel/state_file.h"
#include "kernel/state_store.h"
#include "kernel/sysctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* In place of libc's: a disk that fails, from so many directories on. */
static int fail_after = -1;

int fsync(int file)
{
	struct stat status;

	if (fail_after >= 0 && fstat(file, &status) == 0 && S_ISDIR(status.st_mode) && fail_after-- == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, file);
}

static char path[64];

static int begin(void **state)
{
	(void)state;
	fail_after = -1;
	strcpy(path, "/tmp/weir-state-XXXXXX");
	return mkdtemp(path) ? 0 : -1;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	fail_after = -1;
	snprintf(command, sizeof(command), "rm -r %s", path);
	return system(command);
}

static size_t count_files(int directory)
{
	DIR *stream = fdopendir(openat(directory, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(stream)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(stream);
	return count;
}

static void assert_holds(int directory, const char *name, const char *words)
{
	struct arena *arena = arena_new();
	struct text text;

	assert_int_equal(file_read(arena, directory, name, 1000, &text), 0);
	assert_true(text_is(text, words));
	arena_free(arena);
}

static void a_file_whose_place_is_not_synced_is_not_there(void **state)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY);

	(void)state;
	fail_after = 0;
	assert_int_equal(file_replace(directory, "a", text_of("one")), -EIO);
	assert_int_equal(count_files(directory), 0);
	assert_int_equal(file_replace(directory, "a", text_of("one")), 0);
	assert_int_equal(file_replace(directory, "a", text_of("two")), 0);
	assert_holds(directory, "a", "two");
	assert_int_equal(count_files(directory), 1);
	fail_after = 0;
	assert_int_equal(file_replace(directory, "a", text_of("three")), -EIO);
	assert_holds(directory, "a", "two");
	assert_int_equal(count_files(directory), 1);
	close(directory);
}

static void a_file_keeps_its_mode_where_it_is_to(void **state)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY);
	struct stat status;

	(void)state;
	assert_int_equal(file_replace(directory, "a", text_of("one")), 0);
	assert_int_equal(fchmodat(directory, "a", 0640, 0), 0);
	assert_int_equal(fstatat(directory, "a", &status, 0), 0);
	assert_int_equal(file_replace_as(directory, "a", text_of("two"), &status), 0);
	assert_int_equal(fstatat(directory, "a", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_holds(directory, "a", "two");
	close(directory);
}

static void a_state_whose_place_is_not_synced_is_not_there(void **state)
{
	struct state_store store = STATE_STORE_NONE;
	struct state about = {.number = 1, .rules = "rules"};
	struct state_file file = {"image", {"x", 1}};
	struct buffer why = {0};
	struct stat status;

	(void)state;
	assert_int_equal(state_store_open(path, true, &store, &why), 0);
	for (int which = 0; which < 2; which++) { /* its own directory, that of all of them */
		fail_after = which;
		assert_int_equal(state_put(&store, &about, &file, 1, &why), -EIO);
		assert_int_equal(fstatat(store.directory, "states/1", &status, 0), -1);
	}
	assert_int_equal(state_put(&store, &about, &file, 1, &why), 0);
	assert_int_equal(fstatat(store.directory, "states/1/manifest", &status, 0), 0);
	state_store_close(&store);
	buffer_fini(&why);
}

static void a_setting_that_is_gone_is_skipped_in_words(void **state)
{
	struct sysctl gone = {"net.weir_has.no_such_module", "1", "0"};
	struct sysctls now = {.count = 1, .list = &gone}, none = {0};
	struct buffer why = {0};

	(void)state;
	assert_int_equal(sysctls_switch(&now, &none, &why), 0); /* the way back */
	assert_non_null(strstr(why.data, "net.weir_has.no_such_module = 0: the kernel has no such setting"));
	assert_non_null(strstr(why.data, "skipped"));
	why.size = 0;
	assert_int_equal(sysctls_switch(&none, &now, &why), 0); /* back to a state that had it */
	assert_non_null(strstr(why.data, "skipped"));
	why.size = 0;
	/* a policy that asks for it is told so before anything is done */
	struct arena *arena = arena_new();
	gone.first = NULL;
	assert_int_equal(sysctls_remember(arena, &none, &now, &why), -ENOENT);
	arena_free(arena);
	buffer_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_file_whose_place_is_not_synced_is_not_there, begin, end),
	    cmocka_unit_test_setup_teardown(a_file_keeps_its_mode_where_it_is_to, begin, end),
	    cmocka_unit_test_setup_teardown(a_state_whose_place_is_not_synced_is_not_there, begin, end),
	    cmocka_unit_test(a_setting_that_is_gone_is_skipped_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
