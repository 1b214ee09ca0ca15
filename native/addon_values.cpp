#include "addon_values.h"

#include <cmath>
#include <sstream>

namespace mos {
namespace {

std::string text(double value) {
  std::ostringstream out;
  out.precision(15);
  out << value;
  return out.str();
}

}  // namespace

void Reader::typeError(const std::string& message) {
  if (ok_) Napi::TypeError::New(env_, message).ThrowAsJavaScriptException();
  ok_ = false;
}

void Reader::rangeError(const std::string& message) {
  if (ok_) Napi::RangeError::New(env_, message).ThrowAsJavaScriptException();
  ok_ = false;
}

void Reader::error(const std::string& code, const std::string& message) {
  if (ok_) {
    Napi::Error thrown = Napi::Error::New(env_, message);
    thrown.Set("code", Napi::String::New(env_, code));
    thrown.ThrowAsJavaScriptException();
  }
  ok_ = false;
}

double Reader::number(Napi::Value value, const std::string& name, double lowest, double highest) {
  if (!ok_) return lowest;
  if (!value.IsNumber()) {
    typeError(name + " must be a number");
    return lowest;
  }
  const double result = value.As<Napi::Number>().DoubleValue();
  if (!(result >= lowest && result <= highest)) {
    rangeError(name + " must be from " + text(lowest) + " to " + text(highest) + ", is " + text(result));
    return lowest;
  }
  return result;
}

double Reader::integer(Napi::Value value, const std::string& name, double lowest, double highest) {
  const double result = number(value, name, lowest, highest);
  if (ok_ && result != std::floor(result)) rangeError(name + " must be a whole number, is " + text(result));
  return ok_ ? result : lowest;
}

double Reader::moment(Napi::Value value, const std::string& name) { return number(value, name, 0, 8.64e15); }

bool Reader::boolean(Napi::Value value, const std::string& name) {
  if (!ok_) return false;
  if (!value.IsBoolean()) {
    typeError(name + " must be a boolean");
    return false;
  }
  return value.As<Napi::Boolean>().Value();
}

std::string Reader::string(Napi::Value value, const std::string& name) {
  if (!ok_) return {};
  if (!value.IsString()) {
    typeError(name + " must be a string");
    return {};
  }
  return value.As<Napi::String>().Utf8Value();
}

Napi::Object Reader::object(Napi::Value value, const std::string& name) {
  if (ok_ && !value.IsObject()) typeError(name + " must be an object");
  return ok_ ? value.As<Napi::Object>() : Napi::Object();
}

Napi::Array Reader::array(Napi::Value value, const std::string& name) {
  if (ok_ && !value.IsArray()) typeError(name + " must be an array");
  return ok_ ? value.As<Napi::Array>() : Napi::Array();
}

bool Reader::typedArray(Napi::Value value, napi_typedarray_type type, const char* typeName, const std::string& name) {
  if (!ok_) return false;
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    typeError(name + " must be a " + typeName);
  }
  return ok_;
}

Napi::Float32Array Reader::float32Array(Napi::Value value, const std::string& name) {
  if (!typedArray(value, napi_float32_array, "Float32Array", name)) return {};
  return value.As<Napi::Float32Array>();
}

Napi::Float64Array Reader::float64Array(Napi::Value value, const std::string& name) {
  if (!typedArray(value, napi_float64_array, "Float64Array", name)) return {};
  return value.As<Napi::Float64Array>();
}

Napi::Uint8Array Reader::uint8Array(Napi::Value value, const std::string& name) {
  if (!typedArray(value, napi_uint8_array, "Uint8Array", name)) return {};
  return value.As<Napi::Uint8Array>();
}

// A getter of the object may throw: then nothing more is read.
Napi::Value Reader::property(Napi::Object from, const char* name) {
  if (!ok_) return env_.Undefined();
  const Napi::Value value = from.Get(name);
  ok_ = !env_.IsExceptionPending();
  return ok_ ? value : env_.Undefined();
}

Napi::Value Reader::element(Napi::Array from, std::uint32_t index) {
  if (!ok_) return env_.Undefined();
  const Napi::Value value = from.Get(index);
  ok_ = !env_.IsExceptionPending();
  return ok_ ? value : env_.Undefined();
}

}  // namespace mos
