#pragma once
// JavaScript values in, checked: each reader throws a TypeError or RangeError that names what is wrong, and reads
// nothing more once something was.
#include <napi.h>

#include <cstdint>
#include <string>

namespace mos {

class Reader {
 public:
  explicit Reader(Napi::Env env) : env_(env) {}

  bool ok() const { return ok_; }

  // A finite number, `lowest` to `highest`.
  double number(Napi::Value value, const std::string& name, double lowest, double highest);
  // The same, without a fraction.
  double integer(Napi::Value value, const std::string& name, double lowest, double highest);
  bool boolean(Napi::Value value, const std::string& name);
  std::string string(Napi::Value value, const std::string& name);
  Napi::Object object(Napi::Value value, const std::string& name);
  Napi::Array array(Napi::Value value, const std::string& name);
  Napi::Float32Array float32Array(Napi::Value value, const std::string& name);
  Napi::Float64Array float64Array(Napi::Value value, const std::string& name);
  Napi::Uint8Array uint8Array(Napi::Value value, const std::string& name);
  // Moments are Unix ms, 0 to 8.64e15 (ECMA-262, Time Values).
  double moment(Napi::Value value, const std::string& name);

  // A property of `from`; undefined when something was wrong before.
  Napi::Value property(Napi::Object from, const char* name);
  Napi::Value element(Napi::Array from, std::uint32_t index);

  void typeError(const std::string& message);
  void rangeError(const std::string& message);
  // An Error with a `code`.
  void error(const std::string& code, const std::string& message);

 private:
  bool typedArray(Napi::Value value, napi_typedarray_type type, const char* typeName, const std::string& name);

  Napi::Env env_;
  bool ok_ = true;
};

}  // namespace mos
