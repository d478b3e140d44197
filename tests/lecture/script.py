# ruff: noqa
# mypy: ignore-errors
# 다양한 옵티마이저를 적용하여 결과를 비교 실습
import pandas as pd
import torch
import torch.nn as nn
import torch.optim as optim
import numpy as np
import matplotlib.pyplot as plt
from torch.utils.data import TensorDataset, DataLoader
from vega_datasets import data

# JSON 파일을 DataFrame으로 읽기
df = pd.read_json(data.cars.filepath).dropna(subset=["Miles_per_Gallon"])
# 열 이름 설정
df = df.rename(columns={"Miles_per_Gallon": "MPG", "Weight_in_lbs": "Weight"})
print(df)

x_data = df[["Cylinders", "Displacement", "Weight"]].values.astype(np.float32)
y_data = df["MPG"].values.astype(np.float32).reshape(-1, 1)
# 데이터 표준화
mean = x_data.mean(axis=0)
std = x_data.std(axis=0)
x_data_standardized = (x_data - mean) / std
# 텐서로 변환
x_tensor = torch.tensor(x_data_standardized)
y_tensor = torch.tensor(y_data)
# 데이터 로드 생성
dataset = TensorDataset(x_tensor, y_tensor)
data_loader = DataLoader(dataset, batch_size=34, shuffle=True)


# 선형 회귀 모델 정의
class LinearRegressionModel(nn.Module):
    def __init__(self, input_dim):
        super(LinearRegressionModel, self).__init__()
        self.linear = nn.Linear(input_dim, 1)

    def forward(self, x):
        return self.linear(x)


# 모델 초기화
input_dim = x_data.shape[1]
model = LinearRegressionModel(input_dim)
num_epochs = 1000
learning_rate = 0.001
# 다양한 옵티마이저 설정
optimizers = {
    "SGD": optim.SGD(model.parameters(), lr=learning_rate),
    "Momentum": optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9),
    "Adagrad": optim.Adagrad(model.parameters(), lr=learning_rate),
    "RMSprop": optim.RMSprop(model.parameters(), lr=learning_rate),
    "Adam": optim.Adam(model.parameters(), lr=learning_rate),
}
losses = {optimizer_name: [] for optimizer_name in optimizers.keys()}

# 모델 학습
for optimizers_name, optimizer in optimizers.items():
    criterion = nn.MSELoss()
    optimizer.zero_grad()
    for epoch in range(num_epochs):
        for inputs, targets in data_loader:
            input = inputs
            target = targets
            optimizer.zero_grad()
            outputs = model(input)
            loss = criterion(outputs, target)
            loss.backward()
            optimizer.step()
        # 에폭마다 손실값 저장
        losses[optimizers_name].append(loss.item())
        if (epoch + 1) % 100 == 0:
            # print(f'Epoch [{epoch + 1}/{num_epochs}], Loss: {loss:.4f}')
            print(f"{optimizers_name} - Epoch [{epoch + 1}/{num_epochs}], Loss : {loss.item():.4f}")

# 그래프로 손실값 시각화
plt.figure(figsize=(10, 6))
for optimizer_name, loss_values in losses.items():
    plt.plot(range(1, num_epochs + 1), loss_values, label=optimizer_name)
plt.xlabel("Epochs")
plt.ylabel("Loss")
plt.title("Loss vs. Epochs for Different Optimizers")
plt.legend()
plt.grid(True)
plt.show()
