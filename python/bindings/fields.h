// A network's configuration from keyword arguments, by a visitor of its fields: no field is named here.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "bindings/files.h"
#include "bindings/status.h"
#include "spec/field_visitors.h"
#include "spec/network_fields.h"

namespace fastgru::bindings {

// Sets the fields that were given. A TypeError or ValueError names a field of the wrong kind; validate()
// checks ranges.
class FieldsFromPython {
 public:
  explicit FieldsFromPython(const pybind11::dict& given) : given_(given) {}

  template <class T, class Rule>
  void operator()(std::string_view name, T& value, const Rule& rule, unsigned) {
    const pybind11::str key = to_str(name);
    if (given_.contains(key)) set(std::string(name), pybind11::object(given_[key]), rule, value);
  }

 private:
  static void set(const std::string& name, const pybind11::object& given, const field::Whole&,
                  std::int64_t& value) {
    if (PyIndex_Check(given.ptr()) == 0 || PyBool_Check(given.ptr())) raise_kind(name, "an int", given);
    const auto number = pybind11::reinterpret_steal<pybind11::object>(PyNumber_Index(given.ptr()));
    if (!number) throw pybind11::error_already_set();
    int overflow = 0;
    value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
    if (overflow != 0) {
      raise_value_error(name + " must be an integer of 64 bits, got " +
                        pybind11::str(number).cast<std::string>());
    }
  }

  static void set(const std::string& name, const pybind11::object& given, const field::Flag&, bool& value) {
    pybind11::detail::make_caster<bool> caster;
    if (!caster.load(given, false)) raise_kind(name, "a bool", given);
    value = pybind11::detail::cast_op<bool>(caster);
  }

  static void set(const std::string& name, const pybind11::object& given, const field::Share&,
                  double& value) {
    value = number_of(name, given);
  }
  static void set(const std::string& name, const pybind11::object& given, const field::Number&,
                  double& value) {
    value = number_of(name, given);
  }

  static void set(const std::string& name, const pybind11::object& given, const field::Numbers&,
                  std::vector<double>& value) {
    if (!pybind11::isinstance<pybind11::sequence>(given) || PyUnicode_Check(given.ptr())) {
      raise_kind(name, "a list of numbers", given);
    }
    value.clear();
    for (const pybind11::handle each : given) {
      value.push_back(number_of(name, pybind11::reinterpret_borrow<pybind11::object>(each)));
    }
  }

  template <class T>
  static void set(const std::string& name, const pybind11::object& given, const field::Choice& rule,
                  T& value) {
    std::string known;
    for (std::size_t i = 0; i < rule.names.size(); ++i) {
      if (given.equal(to_str(rule.names[i]))) return choose(value, rule, i);
      known += (known.empty() ? "'" : ", '") + std::string(rule.names[i]) + "'";
    }
    if (!PyUnicode_Check(given.ptr())) raise_kind(name, "a str", given);
    raise_value_error(name + " must be one of " + known + ", got " +
                      pybind11::repr(given).cast<std::string>());
  }

  static double number_of(const std::string& name, const pybind11::object& given) {
    const double value = PyBool_Check(given.ptr()) ? -1 : PyFloat_AsDouble(given.ptr());
    if (PyErr_Occurred() != nullptr || PyBool_Check(given.ptr())) {
      PyErr_Clear();
      raise_kind(name, "a number", given);
    }
    return value;
  }

  [[noreturn]] static void raise_kind(const std::string& name, const char* wanted,
                                      const pybind11::object& given) {
    raise_type_error(name + " must be " + wanted + ", got " + Py_TYPE(given.ptr())->tp_name);
  }

  pybind11::dict given_;
};

inline NetworkConfig network_config(const pybind11::dict& fields) {
  NetworkConfig config;
  std::set<std::string_view> known;
  visit_network_fields(config,
                       [&](std::string_view name, auto&, const auto&, unsigned) { known.insert(name); });
  for (const auto& [key, value] : fields) {
    const auto name = key.cast<std::string>();
    if (known.count(name) == 0) raise_type_error("a network has no field '" + name + "'");
  }
  FieldsFromPython reader(fields);
  visit_network_fields(config, reader);
  return config;
}

}  // namespace fastgru::bindings
