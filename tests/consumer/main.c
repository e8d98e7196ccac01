/* SPDX-License-Identifier: BSD-3-Clause */
/* Uses an installed vcol as a stranger would: headers and library agree, a manager opens, an error explains itself. */
#include <vcol/vcol.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    vcol_error err = {0};
    vcol_manager_options options;
    vcol_manager *manager = NULL;
    vcol_dataset *dataset = NULL;
    const char *paths[] = {"no-such-file.root"};
    char version[32];
    int failed = 1;

    snprintf(version, sizeof version, "%d.%d.%d", VCOL_VERSION_MAJOR, VCOL_VERSION_MINOR, VCOL_VERSION_PATCH);
    if (strcmp(version, vcol_version()) != 0) {
        fprintf(stderr, "headers are %s, the library is %s\n", version, vcol_version());
        goto done;
    }
    vcol_manager_options_init(&options, sizeof options);
    options.limit = 1 << 24;
    if (vcol_manager_open(&options, &manager, &err) != VCOL_OK) {
        fprintf(stderr, "no manager: %s\n", err.message);
        goto done;
    }
    if (vcol_dataset_open(manager, paths, 1, NULL, &dataset, &err) != VCOL_NOT_FOUND || dataset || !err.message[0]) {
        fprintf(stderr, "a missing file gives %s: %s\n", vcol_status_name((vcol_status)err.status), err.message);
        goto done;
    }
    printf("vcol %s: %s\n", version, err.message);
    failed = 0;
done:
    vcol_dataset_close(dataset);
    vcol_manager_close(manager);
    return failed;
}
