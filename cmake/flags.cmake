# SPDX-License-Identifier: BSD-3-Clause
# Compiler flags. Those that change code or the way it is linked are for every target of the project, whether it
# asks or not; the warnings and the public include folder come with the target vcol_flags.

# Results do not depend on how the compiler fuses multiplications and additions.
add_compile_options(-ffp-contract=off)

if(VCOL_SANITIZE)
  add_compile_options(-fsanitize=${VCOL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VCOL_SANITIZE})
endif()
if(VCOL_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

add_library(vcol_flags INTERFACE)
target_compile_options(vcol_flags INTERFACE -Wall -Wextra
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
  $<$<BOOL:${VCOL_WERROR}>:-Werror>)
target_include_directories(vcol_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
