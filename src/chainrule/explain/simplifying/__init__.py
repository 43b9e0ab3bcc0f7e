"""The derivative of a loss by the value before the activation function of the output, made short rule by rule."""
