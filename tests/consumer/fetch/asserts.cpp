// Ends with 0 if assert() checks its condition.
#include <cassert>

int main() {
  bool checked = false;
  assert((checked = true));
  return checked ? 0 : 1;
}
